//! The table of cases, written from resilience4j's documented behaviour; the textbook's breaker as a contrast;
//! what holds whatever happens.

mod cases;
mod invariants;
mod naive;
mod table;

use super::*;
use cases::{START, Subject, settings};

/// The breaker of this module: its machine, told of everything at once, and calls under way at its gate.
struct Rig {
    breaker: Breaker,
    under_way: std::collections::VecDeque<Permission>,
}

impl Rig {
    fn new(settings: BreakerSettings) -> Self {
        Self { breaker: Breaker::new(settings, START), under_way: Default::default() }
    }

    fn acquire(&mut self, now: Duration) -> Result<Permission, Refused> {
        self.breaker.tick(now);
        let permission = self.breaker.gate().acquire(now)?;
        if permission.is_first_probe() {
            self.breaker.probes_began(permission.generation(), now);
        }
        Ok(permission)
    }

    fn end_one(&mut self, permission: Permission, outcome: Outcome, took: Duration, now: Duration) {
        if let Some(ended) = self.breaker.gate().end(permission, outcome, took, now) {
            self.breaker.record(Ended::from_bits(ended.to_bits()));
        }
    }
}

impl Subject for Rig {
    fn begin(&mut self, now: Duration) -> bool {
        let permission = self.acquire(now);
        permission.map(|permission| self.under_way.push_back(permission)).is_ok()
    }

    fn end(&mut self, outcome: Outcome, took: Duration, now: Duration) {
        let permission = self.under_way.pop_front().expect("a call under way");
        self.end_one(permission, outcome, took, now);
    }

    fn release(&mut self) {
        let permission = self.under_way.pop_front().expect("a call under way");
        self.breaker.gate().release(permission);
    }

    fn force(&mut self, state: BreakerState, now: Duration) {
        self.breaker.force(state, now);
    }

    fn state(&mut self, now: Duration) -> BreakerState {
        self.breaker.tick(now);
        self.breaker.state()
    }

    fn metrics(&mut self, now: Duration) -> BreakerMetrics {
        self.breaker.tick(now);
        self.breaker.metrics(now)
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
    let mut rig = Rig::new(settings());
    assert!((0..4).all(|_| rig.begin(START)));
    rig.force(BreakerState::HalfOpen, START);
    for _ in 0..3 {
        rig.end(Outcome::Failure, Duration::ZERO, START);
    }
    rig.release();
    assert_eq!(rig.state(START), BreakerState::HalfOpen);
    assert_eq!(rig.metrics(START).calls, 0);
    assert_eq!((0..9).filter(|_| rig.begin(START)).count(), 4, "nor does it give a permission to it");
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
        assert_eq!(serde_json::to_value(state).expect("a word"), state.as_str());
    }
    assert!(serde_json::from_str::<BreakerState>("\"ajar\"").is_err());
}

/// How long the breaker refuses after it opened at `now` by five failures.
fn opened_for(rig: &mut Rig, now: Duration) -> Duration {
    for _ in 0..5 {
        assert!(rig.begin(now));
        rig.end(Outcome::Failure, Duration::ZERO, now);
    }
    assert_eq!(rig.state(now), BreakerState::Open);
    rig.acquire(now).expect_err("open").retry_after.expect("a wait")
}

fn recover(rig: &mut Rig, now: Duration) {
    for _ in 0..4 {
        assert!(rig.begin(now));
        rig.end(Outcome::Success, Duration::ZERO, now);
    }
    assert_eq!(rig.state(now), BreakerState::Closed);
}

#[test]
fn waits_grow_from_opening_to_opening_until_it_was_closed_for_as_long() {
    let open_wait = OpenWait { factor: 2.0, longest: Duration::from_secs(40), ..settings().open_wait };
    let mut rig = Rig::new(BreakerSettings { open_wait, ..settings() });
    let (mut now, second) = (START, Duration::from_secs(1));
    for (waits_s, closed_s) in [(5, 4), (10, 9), (20, 19), (40, 39), (40, 40), (5, 100), (5, 0), (10, 0)] {
        let wait = opened_for(&mut rig, now);
        assert_eq!(wait, second * waits_s, "closed for {closed_s} s next");
        now += wait;
        recover(&mut rig, now);
        now += second * closed_s;
    }
    rig.force(BreakerState::Closed, now);
    assert_eq!(opened_for(&mut rig, now), second * 5, "an operator has closed it");
}

#[test]
fn a_supervisor_opens_it_for_longer_and_longer_but_does_not_overrule_an_operator() {
    let open_wait = OpenWait { factor: 2.0, longest: Duration::from_secs(60), ..settings().open_wait };
    let mut rig = Rig::new(BreakerSettings { open_wait, ..settings() });
    rig.breaker.trip(START);
    rig.breaker.trip(START);
    assert_eq!(rig.acquire(START).expect_err("open").retry_after, Some(Duration::from_secs(10)));
    for state in [BreakerState::Disabled, BreakerState::ForcedOpen] {
        rig.force(state, START);
        rig.breaker.trip(START);
        assert_eq!(rig.state(START), state);
    }
}

#[test]
fn a_machine_that_was_lost_goes_on_where_its_gate_stands() {
    let resumed = |rig: &Rig, now| {
        let breaker = Breaker::resume(settings(), rig.breaker.gate().clone(), now);
        Rig { breaker, under_way: Default::default() }
    };
    let mut rig = Rig::new(BreakerSettings { half_open_wait: Some(Duration::from_secs(3)), ..settings() });
    opened_for(&mut rig, START);
    let at = |ms| START + Duration::from_millis(ms);
    let mut open = resumed(&rig, at(4_000));
    assert!(!open.begin(at(4_900)) && open.begin(at(5_000)), "the wait runs on");
    let mut half_open = resumed(&open, at(5_100));
    assert_eq!((0..9).filter(|_| half_open.begin(at(5_200))).count(), 3, "of four probes one was taken");
    half_open.force(BreakerState::ForcedOpen, at(6_000));
    assert_eq!(resumed(&half_open, at(7_000)).state(at(90_000)), BreakerState::ForcedOpen);
}

#[test]
fn a_half_open_gate_lets_no_more_pass_however_many_ask_at_once() {
    let mut breaker = Breaker::new(settings(), START);
    for _ in 0..50 {
        breaker.force(BreakerState::HalfOpen, START);
        let (gate, passed) = (breaker.gate(), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        if gate.acquire(START).is_ok() {
                            passed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 4);
    }
}
