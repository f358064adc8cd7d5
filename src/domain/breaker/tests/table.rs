//! The table against the machine, and against the textbook's breaker.

use super::{cases::*, naive::NaiveBreaker, *};
use BreakerState::{HalfOpen, Open};
use Step::*;

#[test]
fn the_breaker_passes_all_cases() {
    for case in cases() {
        let difference = first_difference(&mut Rig::new(case.settings), &case.steps);
        assert_eq!(difference, None, "case {}: {}", case.number, case.what);
    }
}

#[test]
fn windows_of_calls_and_of_time_pass_alike() {
    for case in cases().into_iter().filter(|case| case.number < 14) {
        let settings = BreakerSettings { window: WindowSize::Calls(100), ..case.settings };
        let difference = first_difference(&mut Rig::new(settings), &case.steps);
        assert_eq!(difference, None, "case {}: {}", case.number, case.what);
    }
}

#[test]
fn the_naive_breaker_fails_all_but_the_simplest() {
    let outcomes: Vec<(u32, Option<Step>)> = cases()
        .iter()
        .map(|case| (case.number, first_difference(&mut NaiveBreaker::default(), &case.steps).map(|(_, step)| step)))
        .collect();
    // The steps at which it goes wrong: it opens at the first call, at the wrong rate or not at all; lets everybody
    // pass or closes at the first success while half open; counts for ever and what should not be counted.
    let wrong = [
        F,
        Is(Open),
        Is(Open),
        Refused,
        Refused,
        NotPermitted(1),
        F,
        F,
        Is(HalfOpen),
        S,
        Refused,
        I,
        Is(Open),
        S,
        Calls(0),
    ];
    let expected: Vec<(u32, Option<Step>)> = (0..).zip([None].into_iter().chain(wrong.map(Some))).collect();
    assert_eq!(outcomes, expected);
}
