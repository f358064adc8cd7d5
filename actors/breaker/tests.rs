//! Breakers before what hangs, panics and fails; guarded ports.

use super::*;
use async_trait::async_trait;
use futures::future::join_all;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use tessera_cluster::Deadline;
use tessera_domain::breaker::BreakerState;
use tessera_ports::{Cdn, Determinacy, StoreResult};

const OPEN: Duration = Duration::from_millis(200);

fn breaker(concurrent: usize) -> BreakerRef {
    let settings = BreakerSettings {
        minimum_calls: 4,
        half_open_permits: 2,
        open_wait: OpenWait::constant(OPEN),
        ..BreakerSettings::default()
    };
    BreakerRef::new("test", settings, concurrent)
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
    let breaker = breaker(10);
    let failed = breaker.call::<(), _>(soon(), async { Err(unwell()) }).await.expect_err("fails");
    assert!(matches!(failed, BreakerError::Failed(StoreError::Unavailable { .. })));
    let short = Deadline::after(Duration::from_millis(20));
    let hung = breaker.call::<(), StoreError>(short, std::future::pending()).await.expect_err("hangs");
    assert!(matches!(hung, BreakerError::TimedOut));
    for _ in 0..2 {
        let panicked = breaker.call::<(), StoreError>(soon(), async { panic!("a defect") }).await.expect_err("panics");
        assert!(matches!(panicked, BreakerError::Panicked));
    }
    let began = Instant::now();
    let refused = breaker.call::<(), StoreError>(soon(), std::future::pending()).await.expect_err("open");
    assert!(matches!(refused, BreakerError::Open { retry_after: Some(wait) } if wait <= OPEN));
    assert!(began.elapsed() < OPEN, "refused at once");
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.failed, stats.not_permitted, stats.opened), (BreakerState::Open, 4, 1, 1));
    assert_eq!(stats.metrics.failure_rate, Some(1.0));

    tokio::time::sleep(OPEN).await;
    assert!(succeed(&breaker).await && succeed(&breaker).await);
    assert_eq!(breaker.stats().state, BreakerState::Closed);
}

#[tokio::test]
async fn errors_of_the_caller_do_not_count() {
    let breaker = breaker(10);
    for _ in 0..20 {
        let refused = StoreError::Refused { store: "test", detail: "wrong".to_owned() };
        let failed = breaker.call::<(), _>(soon(), async { Err(refused) }).await.expect_err("fails");
        assert!(matches!(failed, BreakerError::Failed(StoreError::Refused { .. })));
    }
    let stats = breaker.stats();
    assert_eq!((stats.state, stats.ignored, stats.metrics.calls), (BreakerState::Closed, 20, 0));
}

#[tokio::test]
async fn it_holds_a_bounded_number_of_calls_and_forgets_cancelled_ones() {
    let breaker = breaker(3);
    let hang = || {
        tokio::time::timeout(Duration::from_millis(50), breaker.call::<(), StoreError>(soon(), std::future::pending()))
    };
    let ended = join_all((0..5).map(|_| hang())).await;
    let full = ended.iter().filter(|end| matches!(end, Ok(Err(BreakerError::Full)))).count();
    let cancelled = ended.iter().filter(|end| end.is_err()).count();
    assert_eq!((full, cancelled), (2, 3));
    let stats = breaker.stats();
    assert_eq!((stats.full, stats.cancelled, stats.metrics.calls), (2, 3, 0));

    // While half open a cancelled probe makes room for another.
    breaker.force(BreakerState::HalfOpen);
    for _ in 0..4 {
        assert!(hang().await.is_err(), "it was permitted");
    }
    assert!(succeed(&breaker).await && succeed(&breaker).await);
    assert_eq!(breaker.stats().state, BreakerState::Closed);
}

#[tokio::test]
async fn only_the_permitted_probes_reach_a_dependency_that_is_unwell() {
    let (breaker, reached) = (breaker(1_000), Arc::new(AtomicU32::new(0)));
    breaker.force(BreakerState::Open);
    tokio::time::sleep(OPEN).await;
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
    assert_eq!(breaker.stats().state, BreakerState::Open);
}

#[tokio::test]
async fn forced_states_stay() {
    let breaker = breaker(10);
    breaker.force(BreakerState::ForcedOpen);
    tokio::time::sleep(OPEN).await;
    assert!(!succeed(&breaker).await);
    breaker.force(BreakerState::Disabled);
    for _ in 0..20 {
        let _ = breaker.call::<(), _>(soon(), async { Err(unwell()) }).await;
    }
    assert!(succeed(&breaker).await, "everything passes while it is disabled");
    breaker.force(BreakerState::Closed);
    assert_eq!(breaker.stats().metrics.calls, 0);
}

#[tokio::test]
async fn sabotage_is_met_for_its_time() {
    let breaker = breaker(10);
    breaker.sabotage(Sabotage::Panic, OPEN);
    assert!(!succeed(&breaker).await);
    breaker.sabotage(Sabotage::Hang, Duration::ZERO);
    assert!(succeed(&breaker).await);
}

/// A cache that counts its purges, and fails where it is away.
#[derive(Default)]
struct Cache {
    away: bool,
    purges: AtomicU32,
}

#[async_trait]
impl Cdn for Cache {
    async fn purge(&self, _: &[String]) -> StoreResult<()> {
        self.purges.fetch_add(1, Ordering::SeqCst);
        if self.away { Err(unwell()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_cache_that_is_away_holds_up_none_of_the_others() {
    let breakers = Breakers::new(BreakerPolicy::default(), 2);
    let (here, away) = (Arc::new(Cache::default()), Arc::new(Cache { away: true, ..Cache::default() }));
    let caches: Vec<Arc<dyn Cdn>> = vec![here.clone(), away.clone()];
    let guarded = GuardedCaches::new(breakers.caches.iter().cloned().zip(caches).collect());
    for _ in 0..30 {
        guarded.purge(&["/media/1".to_owned()]).await.expect_err("not everywhere");
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
