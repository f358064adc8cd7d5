//! The relay's actor: wakes on new events, pumps until none is left, never waits inside its mailbox.
//!
//! One round at a time, so that rounds grow with the load; only when one is slow (its events wait for a store
//! that hangs, say) do further ones begin, so that other events do not wait behind it.

use super::handler::{EVENT_TIMEOUT, EventHandler, post_of};
use crate::ActorError;
use futures::{StreamExt, stream};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{ClusterNode, Deadline};
use tessera_domain::event::Event;
use tessera_ports::{back_off::BackOff, clock, ledger::OutboxEvent};
use tokio::task::JoinHandle;

/// Events claimed at once: two times [`CONCURRENCY`], so that the last of them begins within [`EVENT_TIMEOUT`] and
/// ends within its lease.
const BATCH: usize = 64;
/// Rounds under way at once, at most.
const MAX_ROUNDS: usize = 4;
/// A round that takes longer than this no longer holds up the next one.
const SLOW_ROUND: Duration = Duration::from_millis(250);
/// Events handled side by side.
const CONCURRENCY: usize = 32;
/// A claimed event is this relay's for so long; longer than its handling may take.
const LEASE_MS: i64 = 30_000;
/// How often the relay looks without being woken: wakes are hints, and retries become due.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The waits before a new post is delivered again.
const POST_RETRIES: BackOff = BackOff::new(Duration::from_millis(200), Duration::from_secs(20));
/// Events whose round could not begin are due again after so long.
const UNCONFIRMED_RETRY_MS: i64 = 200;
/// So many of them are given back side by side.
const PUT_OFFS_AT_ONCE: usize = 8;
/// How long a round waits to know the newest members.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(2);
/// The waits before another event is tried again.
const RETRIES: BackOff = BackOff::new(Duration::from_millis(200), Duration::from_secs(600));

/// What the relay is started with.
#[derive(Clone)]
pub struct RelayArgs {
    /// What events set in motion.
    pub handler: Arc<EventHandler>,
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
}

pub type RelayHandle = ActorRef<RelayMessage>;

/// What the relay understands.
#[derive(Debug)]
pub enum RelayMessage {
    /// There may be events.
    Wake,
    Pumped {
        began: Instant,
        /// How many events it claimed.
        count: usize,
    },
}

impl ractor::Message for RelayMessage {}

pub struct OutboxRelay;

pub struct RelayState {
    args: RelayArgs,
    /// When the rounds under way began.
    rounds: Vec<Instant>,
    /// A wake came while no further round could begin.
    again: bool,
    waker: JoinHandle<()>,
}

impl OutboxRelay {
    /// Starts the relay below `supervisor`.
    pub async fn start(args: RelayArgs, supervisor: ActorCell) -> Result<RelayHandle, SpawnErr> {
        Ok(Actor::spawn_linked(None, OutboxRelay, args, supervisor).await?.0)
    }
}

impl Actor for OutboxRelay {
    type Msg = RelayMessage;
    type State = RelayState;
    type Arguments = RelayArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RelayMessage>,
        args: RelayArgs,
    ) -> Result<RelayState, ActorProcessingErr> {
        let ledger = args.handler.ledger.clone();
        let waker = tokio::spawn(async move {
            loop {
                let _ = tokio::time::timeout(POLL_INTERVAL, ledger.wakes().outbox.notified()).await;
                if myself.cast(RelayMessage::Wake).is_err() {
                    return;
                }
            }
        });
        Ok(RelayState { args, rounds: Vec::new(), again: false, waker })
    }

    async fn handle(
        &self,
        myself: ActorRef<RelayMessage>,
        message: RelayMessage,
        state: &mut RelayState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RelayMessage::Wake if state.may_begin_round() => pump(state, myself),
            RelayMessage::Wake => state.again = true,
            RelayMessage::Pumped { began, count } => {
                if let Some(place) = state.rounds.iter().position(|round| *round == began) {
                    state.rounds.swap_remove(place);
                }
                if (count == BATCH || state.again) && state.may_begin_round() {
                    pump(state, myself);
                }
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<RelayMessage>, state: &mut RelayState) -> Result<(), ActorProcessingErr> {
        state.waker.abort();
        Ok(())
    }
}

impl RelayState {
    fn may_begin_round(&self) -> bool {
        self.rounds.len() < MAX_ROUNDS && self.rounds.iter().all(|began| began.elapsed() > SLOW_ROUND)
    }
}

fn pump(state: &mut RelayState, myself: ActorRef<RelayMessage>) {
    let began = Instant::now();
    state.rounds.push(began);
    state.again = false;
    let args = state.args.clone();
    tokio::spawn(async move {
        // In a task of its own, so that whatever happens in a round, the relay hears of its end.
        let count = match tokio::spawn(round(args)).await {
            Ok(Ok(count)) => count,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the outbox cannot be read; trying again soon");
                0
            }
            Err(panic) => {
                tracing::error!(%panic, "a round of the outbox ended early; its events' leases run out");
                0
            }
        };
        let _ = myself.cast(RelayMessage::Pumped { began, count });
    });
}

/// Claims a batch, handles it, acknowledges what took effect. Returns how many events were claimed.
async fn round(RelayArgs { handler, node }: RelayArgs) -> Result<usize, ActorError> {
    if !node.is_in_standing() {
        return Ok(0);
    }
    let events = handler.ledger.claim_events(BATCH, LEASE_MS, clock::now()).await?;
    // A node that joined before these were committed may hold timelines that must hear of them; one that joins
    // later reads them from the ledger.
    if !events.is_empty()
        && let Err(error) = node.confirm_view(Deadline::after(CONFIRM_TIMEOUT)).await
    {
        // Given back, so that a node that knows better need not wait for their leases to run out.
        let failure = error.to_string();
        let (handler, failure) = (&handler, &failure);
        let put_off = |event| async move { put_off(handler, &event, UNCONFIRMED_RETRY_MS, failure).await };
        stream::iter(events).for_each_concurrent(PUT_OFFS_AT_ONCE, put_off).await;
        return Err(error.into());
    }
    let count = events.len();
    let handled: Vec<Option<(i64, u64)>> = stream::iter(events)
        .map(|event| handle_one(handler.clone(), event))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let handled: Vec<(i64, u64)> = handled.into_iter().flatten().collect();
    if !handled.is_empty() {
        handler.ledger.acknowledge_events(&handled).await?;
    }
    Ok(count)
}

/// Handles one event; gives its acknowledgement, or puts it off. A panic ends this event's attempt alone.
async fn handle_one(handler: Arc<EventHandler>, event: OutboxEvent) -> Option<(i64, u64)> {
    let attempt = AssertUnwindSafe(tokio::time::timeout(EVENT_TIMEOUT, handler.handle(&event.event)));
    let failure = match futures::FutureExt::catch_unwind(attempt).await {
        Ok(Ok(Ok(()))) => return Some((event.id, event.lease_token)),
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(_)) => format!("took longer than {} s", EVENT_TIMEOUT.as_secs()),
        Err(_) => "its handler panicked".to_owned(),
    };
    tracing::warn!(event = event.id, attempt = event.attempt, post = ?post_of(&event.event), failure, "an event is put off");
    // A post must reach the timelines while catching up would still find it (`timeline::CATCH_UP_MARGIN_MS`).
    let retries = if matches!(event.event, Event::PostCreated { .. }) { POST_RETRIES } else { RETRIES };
    // Not left to chance: how long an event is tried is promised.
    let delay_ms = retries.longest(event.attempt).as_millis() as i64;
    put_off(&handler, &event, delay_ms, &failure).await;
    None
}

async fn put_off(handler: &EventHandler, event: &OutboxEvent, delay_ms: i64, failure: &str) {
    let retry_at = clock::now().plus_ms(delay_ms);
    if let Err(error) = handler.ledger.retry_event(event.id, event.lease_token, retry_at, failure).await {
        // Its lease runs out, and it is claimed again then.
        tracing::warn!(event = event.id, %error, "cannot put an event off");
    }
}
