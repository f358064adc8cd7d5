//! Breakers before what hangs, panics and fails; guarded ports; the table of cases; wards.

/// The cases of the pure machine.
#[path = "../../../src/domain/breaker/tests/cases.rs"]
mod cases;
mod table;
mod wards;

use super::*;
use crate::testing::eventually;
use async_trait::async_trait;
use futures::future::join_all;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_cluster::Deadline;
use tessera_domain::breaker::{BreakerMetrics, BreakerSettings, BreakerState, OpenWait, Outcome, WindowSize};
use tessera_ports::{Cdn, Determinacy, StoreError, StoreResult};

const OPEN: Duration = Duration::from_millis(200);

fn without_actor(concurrent: usize) -> BreakerRef {
    let settings = BreakerSettings {
        minimum_calls: 4,
        half_open_permits: 2,
        open_wait: OpenWait::constant(OPEN),
        ..BreakerSettings::default()
    };
    BreakerRef::new("test", settings, concurrent)
}

async fn breaker(concurrent: usize) -> BreakerRef {
    let breaker = without_actor(concurrent);
    breaker.start(None, None).await.expect("its actor starts");
    breaker
}

/// What the breaker did, once all that ended is heard.
async fn stats(breaker: &BreakerRef) -> BreakerStats {
    breaker.hear(soon()).await.expect("its actor answers");
    breaker.stats()
}

async fn comes_to(breaker: &BreakerRef, state: BreakerState) {
    eventually(state.as_str(), || async { (breaker.state() == state).then_some(()) }).await;
}

async fn force(breaker: &BreakerRef, state: BreakerState) {
    breaker.force(state, soon()).await.expect("its actor obeys");
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

fn unwell() -> StoreError {
    StoreError::Unavailable { store: "test", determinacy: Determinacy::Unknown, detail: "away".to_owned() }
}

async fn succeed(breaker: &BreakerRef) -> bool {
    breaker.call::<_, StoreError>(soon(), async { Ok(()) }).await.is_ok()
}

#[tokio::test]
async fn failures_hangs_and_panics_open_it_and_probes_close_it() {
    let breaker = breaker(10).await;
    let failed = breaker.call::<(), _>(soon(), async { Err(unwell()) }).await.expect_err("fails");
    assert!(matches!(failed, BreakerError::Failed(StoreError::Unavailable { .. })));
    let short = Deadline::after(Duration::from_millis(20));
    let hung = breaker.call::<(), StoreError>(short, std::future::pending()).await.expect_err("hangs");
    assert!(matches!(hung, BreakerError::TimedOut));
    for _ in 0..2 {
        let panicked = breaker.call::<(), StoreError>(soon(), async { panic!("a defect") }).await.expect_err("panics");
        assert!(matches!(panicked, BreakerError::Panicked));
    }
    comes_to(&breaker, BreakerState::Open).await;
    let began = Instant::now();
    let refused = breaker.call::<(), StoreError>(soon(), std::future::pending()).await.expect_err("open");
    assert!(matches!(refused, BreakerError::Open { retry_after: Some(wait) } if wait <= OPEN));
    assert!(began.elapsed() < OPEN, "refused at once");
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.report.failed, stats.not_permitted), (BreakerState::Open, 4, 1));
    assert_eq!((stats.report.opened, stats.report.metrics.failure_rate), (1, Some(1.0)));

    comes_to(&breaker, BreakerState::HalfOpen).await;
    assert!(succeed(&breaker).await && succeed(&breaker).await);
    assert_eq!(self::stats(&breaker).await.state, BreakerState::Closed);
}

#[tokio::test]
async fn errors_of_the_caller_do_not_count() {
    let breaker = breaker(10).await;
    for _ in 0..20 {
        let refused = StoreError::Refused { store: "test", detail: "wrong".to_owned() };
        let failed = breaker.call::<(), _>(soon(), async { Err(refused) }).await.expect_err("fails");
        assert!(matches!(failed, BreakerError::Failed(StoreError::Refused { .. })));
    }
    let stats = stats(&breaker).await;
    assert_eq!((stats.state, stats.ignored, stats.report.metrics.calls), (BreakerState::Closed, 20, 0));
}

#[tokio::test]
async fn it_holds_a_bounded_number_of_calls_and_forgets_cancelled_ones() {
    let breaker = breaker(3).await;
    let hang = || {
        tokio::time::timeout(Duration::from_millis(50), breaker.call::<(), StoreError>(soon(), std::future::pending()))
    };
    let ended = join_all((0..5).map(|_| hang())).await;
    let full = ended.iter().filter(|end| matches!(end, Ok(Err(BreakerError::Full)))).count();
    let cancelled = ended.iter().filter(|end| end.is_err()).count();
    assert_eq!((full, cancelled), (2, 3));
    let stats = stats(&breaker).await;
    assert_eq!((stats.full, stats.cancelled, stats.report.metrics.calls), (2, 3, 0));

    // While half open a cancelled probe makes room for another.
    force(&breaker, BreakerState::HalfOpen).await;
    for _ in 0..4 {
        assert!(hang().await.is_err(), "it was permitted");
    }
    assert!(succeed(&breaker).await && succeed(&breaker).await);
    assert_eq!(self::stats(&breaker).await.state, BreakerState::Closed);
}

#[tokio::test]
async fn only_the_permitted_probes_reach_a_dependency_that_is_unwell() {
    let (breaker, reached) = (breaker(1_000).await, Arc::new(AtomicU32::new(0)));
    force(&breaker, BreakerState::Open).await;
    comes_to(&breaker, BreakerState::HalfOpen).await;
    let calls = (0..50).map(|_| {
        let (breaker, reached) = (breaker.clone(), reached.clone());
        async move {
            let work = async {
                reached.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err::<(), _>(unwell())
            };
            breaker.call(soon(), work).await.is_err()
        }
    });
    assert!(join_all(calls).await.into_iter().all(|failed| failed));
    assert_eq!(reached.load(Ordering::SeqCst), 2);
    assert_eq!(stats(&breaker).await.state, BreakerState::Open);
}

#[tokio::test]
async fn forced_states_stay() {
    let breaker = breaker(10).await;
    force(&breaker, BreakerState::ForcedOpen).await;
    tokio::time::sleep(OPEN).await;
    assert!(!succeed(&breaker).await);
    force(&breaker, BreakerState::Disabled).await;
    for _ in 0..20 {
        let _ = breaker.call::<(), _>(soon(), async { Err(unwell()) }).await;
    }
    assert!(succeed(&breaker).await, "everything passes while it is disabled");
    force(&breaker, BreakerState::Closed).await;
    assert_eq!(stats(&breaker).await.report.metrics.calls, 0);
}

#[tokio::test]
async fn sabotage_is_met_for_its_time() {
    let breaker = breaker(10).await;
    breaker.sabotage(Sabotage::Panic, OPEN);
    assert!(!succeed(&breaker).await);
    breaker.sabotage(Sabotage::Hang, Duration::ZERO);
    assert!(succeed(&breaker).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_ends_costs_no_memory_and_nothing_is_counted_twice() {
    const CALLS: u64 = 30_000;
    let breaker = breaker(1_000).await;
    let callers = (0..4).map(|_| {
        let breaker = breaker.clone();
        tokio::spawn(async move {
            for _ in 0..CALLS / 4 {
                assert!(succeed(&breaker).await);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("all pass");
    }
    let stats = stats(&breaker).await;
    assert_eq!(stats.report.succeeded + stats.unheard, CALLS);
    assert_eq!(stats.report.metrics.calls, 100, "its window is full");
}

#[tokio::test]
async fn an_actor_that_is_lost_is_replaced_by_one_that_goes_on_where_it_stood() {
    let breaker = without_actor(10);
    assert!(succeed(&breaker).await, "calls need no actor");
    let first = breaker.start(None, None).await.expect("it starts");
    force(&breaker, BreakerState::ForcedOpen).await;
    first.kill();
    eventually("it is gone", || async { (first.get_status() == ractor::ActorStatus::Stopped).then_some(()) }).await;
    assert!(!succeed(&breaker).await, "calls meet what was published, whoever is there");
    breaker.start(None, None).await.expect("it starts");
    force(&breaker, BreakerState::Closed).await;
    assert!(succeed(&breaker).await);
    assert_eq!(stats(&breaker).await.report.succeeded, 2);
}

/// A cache that counts its purges, and fails where it is away.
#[derive(Default)]
struct Cache {
    away: bool,
    purges: AtomicU32,
}

#[async_trait]
impl Cdn for Cache {
    async fn purge(&self, _: &[String]) -> StoreResult<u64> {
        self.purges.fetch_add(1, Ordering::SeqCst);
        if self.away { Err(unwell()) } else { Ok(1) }
    }
}

#[tokio::test]
async fn a_cache_that_is_away_holds_up_none_of_the_others() {
    let breakers = Breakers::new(BreakerPolicy::default(), 2);
    for breaker in breakers.all() {
        breaker.start(None, None).await.expect("its actor starts");
    }
    let (here, away) = (Arc::new(Cache::default()), Arc::new(Cache { away: true, ..Cache::default() }));
    let caches: Vec<Arc<dyn Cdn>> = vec![here.clone(), away.clone()];
    let guarded = GuardedCaches::new(breakers.caches.iter().cloned().zip(caches).collect());
    for _ in 0..30 {
        guarded.purge(&["/media/1".to_owned()]).await.expect_err("not everywhere");
        breakers.caches[1].hear(soon()).await.expect("its actor answers");
    }
    assert_eq!(here.purges.load(Ordering::SeqCst), 30);
    assert_eq!(away.purges.load(Ordering::SeqCst), 10, "asked until its breaker opened");
    let states: Vec<_> = breakers.all().map(|breaker| (breaker.name().to_owned(), breaker.stats().state)).collect();
    assert_eq!(
        states[states.len() - 2..],
        [("cdn-1".to_owned(), BreakerState::Closed), ("cdn-2".to_owned(), BreakerState::Open)]
    );
    assert!(breakers.find("objects").is_some() && breakers.find("nothing").is_none());
}
