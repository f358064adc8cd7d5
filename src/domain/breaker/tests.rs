//! The table of cases, written from resilience4j's documented behaviour; the pseudocode's breaker as a contrast;
//! what holds whatever happens.

mod invariants;
mod naive;
mod table;

use super::*;

/// A breaker under test.
trait Subject {
    /// Whether a call may go ahead; it is under way until it is ended or released.
    fn begin(&mut self, now: Duration) -> bool;
    /// Ends the call that has been under way longest.
    fn end(&mut self, outcome: Outcome, took: Duration, now: Duration);
    fn release(&mut self);
    fn force(&mut self, state: BreakerState, now: Duration);
    fn state(&mut self, now: Duration) -> BreakerState;
    fn metrics(&mut self, now: Duration) -> BreakerMetrics;
}

/// The breaker of this module, with its calls under way.
struct Rig {
    breaker: Breaker,
    under_way: std::collections::VecDeque<Permission>,
}

impl Rig {
    fn new(settings: BreakerSettings) -> Self {
        Self { breaker: Breaker::new(settings, START), under_way: Default::default() }
    }
}

impl Subject for Rig {
    fn begin(&mut self, now: Duration) -> bool {
        let permission = self.breaker.acquire(now);
        permission.map(|permission| self.under_way.push_back(permission)).is_ok()
    }

    fn end(&mut self, outcome: Outcome, took: Duration, now: Duration) {
        let permission = self.under_way.pop_front().expect("a call under way");
        self.breaker.record(permission, outcome, took, now);
    }

    fn release(&mut self) {
        let permission = self.under_way.pop_front().expect("a call under way");
        self.breaker.release(permission);
    }

    fn force(&mut self, state: BreakerState, now: Duration) {
        self.breaker.force(state, now);
    }

    fn state(&mut self, now: Duration) -> BreakerState {
        self.breaker.state(now)
    }

    fn metrics(&mut self, now: Duration) -> BreakerMetrics {
        self.breaker.metrics(now)
    }
}

/// When all cases begin.
const START: Duration = Duration::from_secs(1_000);

/// The settings of resilience4j's own tests.
fn settings() -> BreakerSettings {
    BreakerSettings {
        failure_rate: 0.5,
        slow_call_rate: 0.5,
        slow_call: Duration::from_secs(4),
        window: WindowSize::Seconds(20),
        minimum_calls: 5,
        half_open_permits: 4,
        open_wait: OpenWait::constant(Duration::from_secs(5)),
        half_open_wait: None,
    }
}

#[test]
fn waits_grow_up_to_a_limit() {
    let wait = OpenWait { first: Duration::from_secs(5), factor: 2.0, longest: Duration::from_secs(30) };
    let waits: Vec<u64> = [1, 2, 3, 4, 5, u32::MAX].map(|opening| wait.after(opening).as_secs()).to_vec();
    assert_eq!(waits, [5, 10, 20, 30, 30, 30]);
    assert_eq!(OpenWait::constant(Duration::from_secs(7)).after(1_000), Duration::from_secs(7));
}

#[test]
fn the_minimum_is_clamped_to_a_window_of_calls_only() {
    for (window, calls_to_open) in [(WindowSize::Calls(3), 3), (WindowSize::Seconds(3), 8)] {
        let mut rig = Rig::new(BreakerSettings { window, minimum_calls: 8, ..settings() });
        let mut calls = 0;
        while rig.begin(START) {
            rig.end(Outcome::Failure, Duration::ZERO, START);
            calls += 1;
        }
        assert_eq!(calls, calls_to_open, "{window:?}");
    }
}

#[test]
fn a_call_that_began_before_says_nothing_about_the_new_state() {
    let mut breaker = Breaker::new(settings(), START);
    let late: Vec<Permission> = (0..4).filter_map(|_| breaker.acquire(START).ok()).collect();
    breaker.force(BreakerState::HalfOpen, START);
    for permission in late {
        breaker.record(permission, Outcome::Failure, Duration::ZERO, START);
    }
    assert_eq!(breaker.state(START), BreakerState::HalfOpen);
    assert_eq!(breaker.metrics(START).calls, 0);
}

#[test]
fn every_change_is_told_once_with_its_cause() {
    let mut rig = Rig::new(settings());
    for _ in 0..5 {
        assert!(rig.begin(START));
        rig.end(Outcome::Failure, Duration::ZERO, START);
    }
    let later = START + Duration::from_secs(6);
    for _ in 0..4 {
        assert!(rig.begin(later));
        rig.end(Outcome::Success, Duration::ZERO, later);
    }
    let told: Vec<(BreakerState, Cause)> =
        rig.breaker.take_transitions().iter().map(|change| (change.to, change.cause)).collect();
    let expected = [
        (BreakerState::Open, Cause::FailureRate(1.0)),
        (BreakerState::HalfOpen, Cause::WaitOver),
        (BreakerState::Closed, Cause::Recovered),
    ];
    assert_eq!(told, expected);
    assert!(rig.breaker.take_transitions().is_empty());
}

#[test]
fn states_have_words() {
    for state in BreakerState::ALL {
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    assert!("ajar".parse::<BreakerState>().is_err());
}
