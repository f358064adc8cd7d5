//! The cases of the table, run against any breaker: the machine here, and its actor where that lives.

use super::*;
use BreakerState::{Closed, ForcedOpen, HalfOpen, Open};
use Step::*;

/// A breaker under test.
pub(super) trait Subject {
    /// Whether a call may go ahead; it is under way until it is ended or released.
    fn begin(&mut self, now: Duration) -> bool;
    /// Ends the call that has been under way longest.
    fn end(&mut self, outcome: Outcome, took: Duration, now: Duration);
    fn release(&mut self);
    fn force(&mut self, state: BreakerState, now: Duration);
    fn state(&mut self, now: Duration) -> BreakerState;
    fn metrics(&mut self, now: Duration) -> BreakerMetrics;
}

/// When all cases begin.
pub(super) const START: Duration = Duration::from_secs(1_000);

/// The settings of resilience4j's own tests.
pub(super) fn settings() -> BreakerSettings {
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

/// One thing that is done or looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// A success, a failure, a slow success, an ignored error: each must be permitted.
    S,
    F,
    L,
    I,
    /// The clock moves on by milliseconds.
    Wait(u64),
    /// So many calls begin, all of them permitted.
    Begin(u32),
    /// A call is refused.
    Refused,
    /// A permission is given back.
    Release,
    Force(BreakerState),
    Is(BreakerState),
    Calls(u32),
    Failed(Option<f64>),
    Slow(Option<f64>),
    NotPermitted(u64),
}

pub(super) struct Case {
    pub number: u32,
    pub what: &'static str,
    pub settings: BreakerSettings,
    pub steps: Vec<Step>,
}

/// Opens, and waits until probes may pass.
const OPENED: [Step; 7] = [S, S, F, F, F, Is(Open), Wait(6_000)];

pub(super) fn cases() -> Vec<Case> {
    let case = |number, what, steps: &[Step]| Case { number, what, settings: settings(), steps: steps.to_vec() };
    let opened = |number, what, steps: &[Step]| case(number, what, &[&OPENED[..], steps].concat());
    let with = |change: fn(&mut BreakerSettings), mut case: Case| {
        change(&mut case.settings);
        case
    };
    vec![
        opened(0, "most fail: open; one call passes after the wait", &[Begin(1), Is(HalfOpen)]),
        case(
            1,
            "no rate until the minimum, then open; refused calls are counted",
            &[F, F, F, S, Is(Closed), Failed(None), S, Is(Open), Failed(Some(0.6)), Refused, NotPermitted(1)],
        ),
        case(
            2,
            "two of five stay closed, three of six open",
            &[S, S, S, F, F, Is(Closed), Failed(Some(0.4)), F, Is(Open), Failed(Some(0.5))],
        ),
        case(3, "three of five slow", &[L, L, L, S, S, Is(Open), Slow(Some(0.6)), Failed(Some(0.0)), Refused]),
        opened(
            4,
            "half open: four pass; a new cycle has four again",
            &[
                &[Begin(4), Refused, Refused, NotPermitted(2), Is(HalfOpen), Force(Open), Wait(6_000)][..],
                &[Begin(4), Refused],
            ]
            .concat(),
        ),
        opened(5, "a released permission is there again", &[Begin(4), Refused, Release, Begin(1), Refused]),
        case(
            6,
            "refused at 3 s, admitted at 6 s, metrics anew",
            &[
                &OPENED[..6],
                &[Wait(3_000), Refused, NotPermitted(1), Wait(3_000), Begin(1), Is(HalfOpen)],
                &[Calls(0), Failed(None), NotPermitted(0)],
            ]
            .concat(),
        ),
        with(
            |settings| settings.open_wait = OpenWait { factor: 2.0, longest: Duration::MAX, ..settings.open_wait },
            opened(7, "the wait grows", &[F, F, F, F, Is(Open), Wait(6_000), Refused, Wait(5_000), Begin(1)]),
        ),
        opened(8, "three of four probes fail: open", &[F, F, S, Is(HalfOpen), F, Is(Open), Failed(Some(0.75))]),
        opened(9, "three of four probes are slow: open", &[L, L, L, Is(HalfOpen), S, Is(Open), Slow(Some(0.75))]),
        opened(10, "one of four probes fails: closed, metrics anew", &[F, S, S, S, Is(Closed), Calls(0), Failed(None)]),
        case(
            11,
            "forced open outlasts the wait",
            &[Force(ForcedOpen), Refused, Wait(600_000), Refused, Is(ForcedOpen)],
        ),
        opened(
            12,
            "an ignored error neither counts nor uses a permission",
            &[&[I; 9][..], &[Is(HalfOpen), Calls(0), S, S, S, S, Is(Closed)], &[I; 9], &[Calls(0)]].concat(),
        ),
        with(
            |settings| settings.half_open_wait = Some(Duration::from_secs(1)),
            opened(
                13,
                "stalled probes open it again",
                &[
                    Begin(4),
                    Wait(900),
                    Is(HalfOpen),
                    Wait(200),
                    Is(Open),
                    Refused,
                    Wait(4_700),
                    Refused,
                    Wait(300),
                    Begin(4),
                ],
            ),
        ),
        with(
            |settings| (settings.window, settings.minimum_calls) = (WindowSize::Calls(4), 4),
            case(
                14,
                "a window of calls slides",
                &[F, S, S, Failed(None), S, Failed(Some(0.25)), Calls(4), S, Failed(Some(0.0)), Calls(4), Is(Closed)],
            ),
        ),
        with(
            |settings| (settings.window, settings.minimum_calls) = (WindowSize::Seconds(5), 3),
            case(
                15,
                "a window of time forgets",
                &[
                    S,
                    F,
                    S,
                    Calls(3),
                    Wait(4_800),
                    Calls(3),
                    Failed(Some(1.0 / 3.0)),
                    Wait(1_000),
                    Calls(0),
                    Failed(None),
                ],
            ),
        ),
    ]
}

/// Walks through a case; gives the first step that goes otherwise.
pub(super) fn first_difference(subject: &mut dyn Subject, steps: &[Step]) -> Option<(usize, Step)> {
    let mut now = START;
    let rate = |found: Option<f64>, expected: Option<f64>| match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        (found, expected) => found == expected,
    };
    for (index, step) in steps.iter().enumerate() {
        let mut call = |outcome, took_s| {
            let permitted = subject.begin(now);
            if permitted {
                subject.end(outcome, Duration::from_secs(took_s), now);
            }
            permitted
        };
        let as_expected = match *step {
            S => call(Outcome::Success, 0),
            F => call(Outcome::Failure, 0),
            L => call(Outcome::Success, 5),
            I => call(Outcome::Ignored, 0),
            Begin(count) => (0..count).all(|_| subject.begin(now)),
            Refused => !subject.begin(now),
            Is(state) => subject.state(now) == state,
            Calls(calls) => subject.metrics(now).calls == calls,
            Failed(expected) => rate(subject.metrics(now).failure_rate, expected),
            Slow(expected) => rate(subject.metrics(now).slow_call_rate, expected),
            NotPermitted(count) => subject.metrics(now).not_permitted == count,
            Wait(ms) => {
                now += Duration::from_millis(ms);
                true
            }
            Release => {
                subject.release();
                true
            }
            Force(state) => {
                subject.force(state, now);
                true
            }
        };
        if !as_expected {
            return Some((index, *step));
        }
    }
    None
}
