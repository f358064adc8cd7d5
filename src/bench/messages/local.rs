//! Messages within a process: entities through their region, beside plain channels to plain tasks.

use super::{
    drive::{Sending, flood, round_trips},
    entity::{Ask, Echo, Key, MAILBOX, Payload, Taken, Tell, region},
};
use crate::{Failure, load::Span, process::Process, report::Report};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tessera_cluster::{AskError, ClusterNode, Deadline, NodeName, Region};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

/// Entities, and channels, that messages are spread over.
pub const SPREAD: u64 = 1_000;
/// The longest wait for an answer.
pub const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Entities whose memory is measured.
const IDLE_ENTITIES: u64 = 20_000;
/// How long they may take to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(60);
/// Bytes in a message.
const BYTES: usize = 64;

pub async fn run(report: &mut Report, span: Span) -> Result<(), Failure> {
    let node = ClusterNode::alone(NodeName("bench".to_owned()));
    let (idle, _) = region(node.clone()).await?;
    report.fact("RSS bytes per idle entity", idle_entity_bytes(&idle).await?);
    let (region, taken) = region(node).await?;
    activate(&region, (0..SPREAD).map(Key)).await?;
    for (name, keys) in [("one entity", 1), ("1,000 entities", SPREAD)] {
        notices(report, span, name, keys, &region, &taken).await?;
    }
    for (name, keys, in_flight) in
        [("1,000 entities", SPREAD, 1), ("one entity", 1, 64), ("1,000 entities", SPREAD, 64)]
    {
        calls(report, span, name, keys, in_flight, &region).await?;
    }
    Ok(())
}

/// What an entity that has nothing costs: its actor, its place in the region. Leaves the region drained.
async fn idle_entity_bytes(region: &Region<Echo>) -> Result<f64, Failure> {
    let keys = |range: std::ops::Range<u64>| range.map(|key| Key(u64::MAX - key));
    // Every shard has its supervisor before it counts.
    let warmup = IDLE_ENTITIES / 4;
    activate(region, keys(0..warmup)).await?;
    let before = Process::this().memory()?;
    activate(region, keys(warmup..warmup + IDLE_ENTITIES)).await?;
    let after = Process::this().memory()?;
    let left = region.drain(Deadline::after(LEAVE_LIMIT)).await;
    if left > 0 {
        return Err(Failure::running(format!("{left} idle entities do not leave")));
    }
    Ok((after.resident_mib - before.resident_mib) * f64::from(1 << 20) / IDLE_ENTITIES as f64)
}

/// Asks each of them once, so that it is in memory.
pub async fn activate(region: &Region<Echo>, keys: impl Iterator<Item = Key>) -> Result<(), Failure> {
    for key in keys {
        let asked = region.call(key, Deadline::after(CALL_LIMIT), Ask(Payload::of(0))).await;
        asked.map_err(|error| Failure::running(error.to_string()))?;
    }
    Ok(())
}

async fn notices(
    report: &mut Report,
    span: Span,
    name: &str,
    keys: u64,
    region: &Region<Echo>,
    taken: &Arc<Taken>,
) -> Result<(), Failure> {
    let (this, payload) = ([Process::this()], Payload::of(BYTES));
    let tell = |turn: u64| sending(region.notify(Key(turn % keys), Tell(payload.clone())));
    let arrived = async || Ok(taken.load(Ordering::Relaxed));
    let title = format!("local notices, {name}");
    let row = flood(&title, span, &this, tell, tokio::task::yield_now, arrived).await?;
    report.results.push(row.clone());

    let channels = Channels::start(keys);
    let send = |turn: u64| channels.try_send(turn, Item::Tell(payload.clone()));
    let arrived = async || Ok(channels.taken.load(Ordering::Relaxed));
    let title = format!("floor: tokio channels, {name}");
    let floor = flood(&title, span, &this, send, tokio::task::yield_now, arrived).await?;
    report.results.push(floor.clone());
    report.compare(&format!("local notices, {name}:"), &row, &floor);
    Ok(())
}

async fn calls(
    report: &mut Report,
    span: Span,
    name: &str,
    keys: u64,
    in_flight: usize,
    region: &Region<Echo>,
) -> Result<(), Failure> {
    let (this, payload) = ([Process::this()], Payload::of(BYTES));
    let title = format!("{name}, {in_flight} in flight");
    let (asked, sent) = (region.clone(), payload.clone());
    let ask = move |turn: u64| {
        let (region, payload) = (asked.clone(), sent.clone());
        async move {
            let answer = region.call(Key(turn % keys), Deadline::after(CALL_LIMIT), Ask(payload)).await;
            answer.map(drop).map_err(|error| error.to_string())
        }
    };
    let row = report.add(&format!("local calls, {title}"), &round_trips(in_flight, span, &this, ask).await?);

    let channels = Channels::start(keys);
    let ask = move |turn: u64| {
        let (channels, payload) = (channels.clone(), payload.clone());
        async move { channels.ask(turn, payload).await }
    };
    let floor = round_trips(in_flight, span, &this, ask).await?;
    let floor = report.add(&format!("floor: tokio channels, {title}"), &floor);
    report.compare(&format!("local calls, {title}:"), &row, &floor);
    Ok(())
}

/// How sending went, where only being overloaded is no failure.
pub fn sending(outcome: Result<(), AskError>) -> Result<Sending, Failure> {
    match outcome {
        Ok(()) => Ok(Sending::Sent),
        Err(AskError::Overloaded { .. }) => Ok(Sending::Full),
        Err(error) => Err(Failure::running(error.to_string())),
    }
}

enum Item {
    Ask(Payload, oneshot::Sender<Payload>),
    Tell(Payload),
}

/// The floor: a task per bounded channel, as long as the senders live.
#[derive(Clone)]
struct Channels {
    senders: Arc<[mpsc::Sender<Item>]>,
    taken: Arc<AtomicU64>,
}

impl Channels {
    fn start(count: u64) -> Self {
        let taken = Arc::new(AtomicU64::new(0));
        let start = |_| {
            let (sender, mut items) = mpsc::channel(MAILBOX);
            let taken = taken.clone();
            tokio::spawn(async move {
                while let Some(item) = items.recv().await {
                    match item {
                        // A caller that no longer waits is no error.
                        Item::Ask(payload, reply) => drop(reply.send(payload)),
                        Item::Tell(payload) => {
                            drop(payload);
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
            sender
        };
        Self { senders: (0..count).map(start).collect(), taken }
    }

    fn sender(&self, turn: u64) -> &mpsc::Sender<Item> {
        &self.senders[(turn % self.senders.len() as u64) as usize]
    }

    fn try_send(&self, turn: u64, item: Item) -> Result<Sending, Failure> {
        match self.sender(turn).try_send(item) {
            Ok(()) => Ok(Sending::Sent),
            Err(TrySendError::Full(_)) => Ok(Sending::Full),
            Err(TrySendError::Closed(_)) => Err(Failure::running("a floor's task ended")),
        }
    }

    async fn ask(&self, turn: u64, payload: Payload) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.sender(turn).send(Item::Ask(payload, reply)).await.map_err(|error| error.to_string())?;
        answer.await.map(drop).map_err(|error| error.to_string())
    }
}
