//! What a breaker does for the actors behind it.

use super::*;
use crate::breaker::wards::{Complaint, Wards};
use parking_lot::Mutex;
use tessera_cluster::EntityVitals;

/// An actor that hangs however often it is restarted.
#[derive(Default)]
struct HungWards {
    restarts: AtomicU32,
    restarts_of_all: AtomicU32,
    elsewhere: Mutex<Vec<u64>>,
}

impl Wards for HungWards {
    fn name(&self, ward: u64) -> String {
        format!("test:{ward}")
    }

    fn vitals(&self, ward: u64) -> Option<EntityVitals> {
        let activation = self.restarts.load(Ordering::SeqCst).into();
        (ward == 7).then_some(EntityVitals { activation, handled: 0, waiting: 1 })
    }

    fn restart(&self, _: u64) -> bool {
        self.restarts.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn restart_all(&self) -> usize {
        self.restarts_of_all.fetch_add(1, Ordering::SeqCst);
        1
    }

    fn complain_elsewhere(&self, ward: u64, _: Symptom) {
        self.elsewhere.lock().push(ward);
    }
}

async fn with_wards() -> (BreakerRef, Arc<HungWards>, Arc<std::sync::atomic::AtomicU64>) {
    let (wards, now_ms) = (Arc::<HungWards>::default(), Arc::<std::sync::atomic::AtomicU64>::default());
    let settings = BreakerSettings { minimum_calls: 1_000, ..BreakerSettings::default() };
    let clock = crate::breaker::clock::Clock::handed(now_ms.clone());
    let breaker = BreakerRef::with_clock("test", settings, 10, clock);
    breaker.start(Some(wards.clone()), None).await.expect("its actor starts");
    (breaker, wards, now_ms)
}

/// Callers complain for a while, as they would of a ward that hangs.
async fn complain_until_restarted(breaker: &BreakerRef, now_ms: &std::sync::atomic::AtomicU64) {
    for _ in 0..3 {
        breaker.complain(Complaint { ward: 7, symptom: Symptom::Hung, is_from_here: true });
        breaker.hear(soon()).await.expect("its actor answers");
        now_ms.fetch_add(300, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_call_that_its_ward_does_not_answer_makes_the_supervisor_look_at_the_ward() {
    let (breaker, wards, now_ms) = with_wards().await;
    for failure in 0..3 {
        let soon_over = Deadline::after(Duration::from_millis(20));
        let hung = breaker.call_ward::<(), StoreError>(7, soon_over, std::future::pending()).await;
        assert!(matches!(hung, Err(BreakerError::TimedOut)));
        now_ms.fetch_add(300, Ordering::SeqCst);
        let restarts = stats(&breaker).await.report.restarts;
        assert_eq!(restarts.hung, u64::from(failure == 2));
        assert_eq!(restarts.last.back().map(|last| last.ward.as_str()), (failure == 2).then_some("test:7"));
    }
    assert_eq!(wards.restarts.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn restarts_that_do_not_help_open_the_breaker_for_longer_and_then_restart_all() {
    let (breaker, wards, now_ms) = with_wards().await;
    for (step, all) in [(1, 0), (2, 1)] {
        for _ in 0..6 {
            assert_eq!(breaker.state(), BreakerState::Closed);
            complain_until_restarted(&breaker, &now_ms).await;
        }
        let stats = stats(&breaker).await;
        assert_eq!(
            (stats.state, stats.report.escalations, stats.report.restarts.hung),
            (BreakerState::Open, step, step * 6)
        );
        assert_eq!(u64::from(wards.restarts_of_all.load(Ordering::SeqCst)), all);
        assert_eq!(stats.report.restarts_of_all, all);
        force(&breaker, BreakerState::Closed).await;
    }
}

#[tokio::test]
async fn of_a_ward_of_another_node_that_node_is_told_and_it_is_not_told_back() {
    let (breaker, wards, _) = with_wards().await;
    for is_from_here in [true, false] {
        breaker.complain(Complaint { ward: 8, symptom: Symptom::Panicked, is_from_here });
        breaker.hear(soon()).await.expect("its actor answers");
    }
    assert_eq!(*wards.elsewhere.lock(), [8]);
    assert_eq!(wards.restarts.load(Ordering::SeqCst), 0);
}
