//! The region's promises, on a small counting entity.

mod routing;
mod watch;

use crate::{
    AskError, Call, ClusterNode, Deadline, Entity, EntityContext, EntityKey, Handle, NodeName, Passivation, Region,
    RegionSettings, Reply, RestartIntensity, Spread, Supervisor, SupervisorArgs,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key(u64);

impl EntityKey for Key {
    fn stable_hash(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&self.0.to_le_bytes())
    }
}

/// Panics when it is activated.
const STILLBORN: Key = Key(u64::MAX);

/// Counts, and saves its count in `Args` when it leaves.
struct Counting {
    count: u64,
    saved: bool,
    durable: Arc<Saved>,
}

type Saved = Mutex<HashMap<u64, u64>>;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Add;

impl Call for Add {
    type Answer = u64;
}

struct Slow(Duration);

impl Call for Slow {
    type Answer = ();
}

struct Panic;

impl Call for Panic {
    type Answer = u64;
}

struct CountSaved;

impl Entity for Counting {
    type Key = Key;
    type Event = CountSaved;
    type Args = Saved;
    const KIND: &'static str = "counting";

    fn activate(key: Key, saved: &Arc<Saved>, _: &EntityContext<Self>) -> Self {
        assert_ne!(key, STILLBORN, "asked for");
        Self { count: saved.lock().get(&key.0).copied().unwrap_or(0), saved: false, durable: saved.clone() }
    }

    fn on_event(&mut self, CountSaved: CountSaved, context: &EntityContext<Self>) {
        self.saved = true;
        context.passivate();
    }

    fn passivate(&mut self, context: &EntityContext<Self>) -> Passivation {
        if self.saved {
            SAVES.lock().insert(context.key().0, self.count);
            self.durable.lock().insert(context.key().0, self.count);
            return Passivation::Ready;
        }
        context.spawn(async { CountSaved });
        Passivation::Saving
    }

    fn heap_bytes(&self) -> usize {
        1_000
    }
}

impl Handle<Add> for Counting {
    fn handle(&mut self, Add: Add, reply: Reply<u64>, _: &EntityContext<Self>) {
        self.count += 1;
        self.saved = false;
        reply.send(self.count);
    }
}

impl Handle<Slow> for Counting {
    fn handle(&mut self, Slow(time): Slow, reply: Reply<()>, _: &EntityContext<Self>) {
        std::thread::sleep(time);
        reply.send(());
    }
}

impl Handle<Panic> for Counting {
    fn handle(&mut self, Panic: Panic, _: Reply<u64>, _: &EntityContext<Self>) {
        panic!("asked for");
    }
}

static SAVES: Mutex<std::collections::BTreeMap<u64, u64>> = Mutex::new(std::collections::BTreeMap::new());

fn restarts() -> RestartIntensity {
    RestartIntensity { max_restarts: 3, within: Duration::from_secs(60) }
}

fn settings() -> RegionSettings {
    RegionSettings {
        mailbox_capacity: 100,
        idle_after: Duration::from_secs(60),
        memory_budget_bytes: 1_000_000,
        entity_restarts: restarts(),
        shard_restarts: restarts(),
    }
}

async fn region(change: impl FnOnce(&mut RegionSettings)) -> Region<Counting> {
    let mut chosen = settings();
    change(&mut chosen);
    let args = SupervisorArgs { name: "test", intensity: restarts(), children: vec![] };
    let (root, _) = Supervisor::start(args, None).await.expect("root starts");
    let node = ClusterNode::alone(NodeName("only".into()));
    Region::new(Arc::default(), chosen, node, Spread::OverNodes, root.get_cell())
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_is_activated_once_and_serves_everybody() {
    let region = region(|_| {}).await;
    let asks = (0..64).map(|_| {
        let region = region.clone();
        tokio::spawn(async move { region.ask(Key(1), soon(), Add).await.expect("answers") })
    });
    let mut answers = Vec::new();
    for ask in asks.collect::<Vec<_>>() {
        answers.push(ask.await.expect("joins"));
    }
    answers.sort_unstable();
    assert_eq!(answers, (1..=64).collect::<Vec<_>>());
    assert_eq!((region.stats().active, region.stats().activations), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_refuses_and_a_late_message_is_dropped_unserved() {
    let region = region(|settings| settings.mailbox_capacity = 3).await;
    let slow = {
        let region = region.clone();
        tokio::spawn(async move { region.ask(Key(2), soon(), Slow(Duration::from_millis(300))).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let late = Deadline::after(Duration::from_millis(20));
    assert_eq!(region.ask(Key(2), late, Add).await, Err(AskError::Expired { kind: "counting" }));
    let waiting = {
        let region = region.clone();
        tokio::spawn(async move { region.ask(Key(2), soon(), Add).await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(region.ask(Key(2), soon(), Add).await, Err(AskError::Overloaded { kind: "counting" }));
    slow.await.expect("joins").expect("the slow one is served");
    assert_eq!(waiting.await.expect("joins"), Ok(1), "the expired one was not counted");
    assert_eq!((region.stats().expired, region.stats().refused), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_that_message_alone() {
    let region = region(|_| {}).await;
    let blocker = {
        let region = region.clone();
        tokio::spawn(async move { region.ask(Key(3), soon(), Slow(Duration::from_millis(100))).await })
    };
    tokio::time::sleep(Duration::from_millis(30)).await;
    let (bad, good) = tokio::join!(region.ask(Key(3), soon(), Panic), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        region.ask(Key(3), soon(), Add).await
    });
    assert_eq!(bad, Err(AskError::Restarted { kind: "counting" }));
    assert_eq!(good, Ok(1), "what waited behind it is served by the new activation");
    blocker.await.expect("joins").expect("served");
    // Past the intensity the actor stops; the next message finds a new one.
    for _ in 0..4 {
        let _ = region.ask(Key(3), soon(), Panic).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(region.ask(Key(3), soon(), Add).await, Ok(1));
    assert_eq!(region.stats().activations, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_entities_save_themselves_and_leave_and_nothing_is_lost_on_the_way() {
    let region = region(|settings| settings.idle_after = Duration::ZERO).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sweeper = {
        let (region, stop) = (region.clone(), stop.clone());
        tokio::spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                region.sweep(0, 1_024);
                tokio::task::yield_now().await;
            }
        })
    };
    for _ in 0..2_000 {
        region.ask(Key(4), soon(), Add).await.expect("always answered, passivating or not");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    sweeper.await.expect("joins");
    assert_eq!(region.drain(Deadline::after(Duration::from_secs(5))).await, 0);
    assert_eq!(region.stats().heap_bytes, 0);
    assert!(SAVES.lock().contains_key(&4));
    assert_eq!(region.ask(Key(4), soon(), Add).await, Err(AskError::Draining { kind: "counting" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_pressure_evicts_the_least_recently_used() {
    let region = region(|settings| settings.memory_budget_bytes = 100_000).await;
    for key in 0..150 {
        region.ask(Key(key), soon(), Add).await.expect("answers");
    }
    assert_eq!(region.stats().heap_bytes, 150_000);
    region.sweep(0, 1_024);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(region.stats().heap_bytes <= 100_000, "{:?}", region.stats());
    for key in 1_000..1_250 {
        let _ = region.ask(Key(key), soon(), Add).await;
    }
    assert!(region.stats().refused > 0 && region.stats().heap_bytes <= 201_000, "{:?}", region.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_entity_starts_again_from_durable_state() {
    let region = region(|_| {}).await;
    assert_eq!(region.ask(Key(9), soon(), Add).await, Ok(1));
    assert!(region.reset(Key(9)));
    assert_eq!(region.ask(Key(9), soon(), Add).await, Ok(1));
    assert!(!region.reset(Key(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_gave_up_serves_again() {
    let region = region(|_| {}).await;
    // Four panics stop the entity, four stopped entities the shard's supervisor.
    for _ in 0..16 {
        assert!(region.ask(Key(5), soon(), Panic).await.is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(region.stats().restarts, 16);
    let served = async {
        while region.ask(Key(5), soon(), Add).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), served).await.expect("the shard has a supervisor again");
    assert_eq!(region.stats().heap_bytes, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_the_dead() {
    let region = region(|_| {}).await;
    assert_eq!(region.ask(STILLBORN, soon(), Add).await, Err(AskError::Restarted { kind: "counting" }));
    assert_eq!(region.drain(Deadline::after(Duration::from_secs(2))).await, 0);
}
