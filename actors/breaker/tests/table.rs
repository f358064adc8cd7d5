//! The table of the machine's cases, run through gate, queue and actor, on a clock that the test holds.

use super::{
    cases::{START, Subject, cases, first_difference},
    *,
};
use crate::breaker::{clock::Clock, under_way::UnderWay};
use std::{collections::VecDeque, sync::atomic::AtomicU64};
use tokio::runtime::Runtime;

/// A breaker with its actor, and its calls under way.
struct ActorRig {
    runtime: Runtime,
    now_ms: Arc<AtomicU64>,
    breaker: &'static BreakerRef,
    under_way: VecDeque<UnderWay<'static>>,
}

impl ActorRig {
    fn new(settings: BreakerSettings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let now_ms = Arc::new(AtomicU64::new(START.as_millis() as u64));
        let breaker = BreakerRef::with_clock("test", settings, 100, Clock::handed(now_ms.clone()));
        runtime.block_on(breaker.start(None, None)).expect("its actor starts");
        // A case's calls borrow it for as long as the case goes on.
        Self { runtime, now_ms, breaker: Box::leak(Box::new(breaker)), under_way: VecDeque::new() }
    }

    /// It is then, and the actor has heard of everything.
    fn at(&mut self, now: Duration) {
        self.now_ms.store(now.as_millis() as u64, Ordering::SeqCst);
        self.runtime.block_on(self.breaker.hear(soon())).expect("its actor answers");
    }
}

impl Subject for ActorRig {
    fn begin(&mut self, now: Duration) -> bool {
        self.at(now);
        let call = self.breaker.begin::<StoreError>();
        call.map(|call| self.under_way.push_back(call)).is_ok()
    }

    fn end(&mut self, outcome: Outcome, took: Duration, now: Duration) {
        self.at(now);
        let mut call = self.under_way.pop_front().expect("a call under way");
        call.began = now.saturating_sub(took);
        call.end(outcome);
    }

    fn release(&mut self) {
        drop(self.under_way.pop_front().expect("a call under way"));
    }

    fn force(&mut self, state: BreakerState, now: Duration) {
        self.at(now);
        self.runtime.block_on(self.breaker.force(state, soon())).expect("its actor obeys");
    }

    fn state(&mut self, now: Duration) -> BreakerState {
        self.at(now);
        self.breaker.state()
    }

    fn metrics(&mut self, now: Duration) -> BreakerMetrics {
        self.at(now);
        self.breaker.stats().report.metrics
    }
}

#[test]
fn the_actor_passes_all_cases() {
    for case in cases() {
        let difference = first_difference(&mut ActorRig::new(case.settings), &case.steps);
        assert_eq!(difference, None, "case {}: {}", case.number, case.what);
    }
}
