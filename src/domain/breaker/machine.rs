//! The state machine.

use super::{
    BreakerMetrics, BreakerSettings, BreakerState, Cause, Outcome, Transition, WindowSize,
    window::{Tally, Window},
};
use std::{collections::VecDeque, time::Duration};

/// Transitions kept for somebody who never asks for them.
const MAX_TRANSITIONS: usize = 64;

/// A call may go ahead. It is ended by [`Breaker::record`] or [`Breaker::release`], once.
#[derive(Debug)]
#[must_use = "a permission that is neither recorded nor released is never given back"]
pub struct Permission {
    /// The state that gave it, by number.
    generation: u64,
}

/// A call may not go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// When it may be worth asking again; `None` where nobody knows.
    pub retry_after: Option<Duration>,
}

/// A circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    /// Counts changes of state.
    generation: u64,
    entered_at: Duration,
    window: Window,
    /// Permissions left while half open.
    probes_left: u32,
    /// Openings since it was closed last.
    openings: u32,
    not_permitted: u64,
    not_permitted_ever: u64,
    transitions: VecDeque<Transition>,
}

impl Breaker {
    /// A closed breaker. Settings out of range are taken as the nearest that are in it.
    pub fn new(mut settings: BreakerSettings, now: Duration) -> Self {
        let rate = |rate: f64| if rate.is_nan() { 1.0 } else { rate.clamp(f64::MIN_POSITIVE, 1.0) };
        settings.failure_rate = rate(settings.failure_rate);
        settings.slow_call_rate = rate(settings.slow_call_rate);
        settings.half_open_permits = settings.half_open_permits.clamp(1, super::MAX_WINDOW);
        settings.minimum_calls = match settings.window {
            WindowSize::Calls(calls) => settings.minimum_calls.min(calls).min(super::MAX_WINDOW),
            WindowSize::Seconds(_) => settings.minimum_calls,
        }
        .max(1);
        Self {
            settings,
            state: BreakerState::Closed,
            generation: 0,
            entered_at: now,
            window: Window::new(settings.window),
            probes_left: 0,
            openings: 0,
            not_permitted: 0,
            not_permitted_ever: 0,
            transitions: VecDeque::new(),
        }
    }

    /// Asks whether a call may go ahead now.
    ///
    /// # Errors
    /// [`Refused`] while open, forced open, or half open with all its probes given out.
    pub fn acquire(&mut self, now: Duration) -> Result<Permission, Refused> {
        self.give_up_stalled(now);
        if self.state == BreakerState::Open && self.open_left(now).is_zero() {
            self.enter(BreakerState::HalfOpen, Cause::WaitOver, now);
        }
        let retry_after = match self.state {
            BreakerState::Closed | BreakerState::Disabled => return Ok(self.permission()),
            BreakerState::HalfOpen if self.probes_left > 0 => {
                self.probes_left -= 1;
                return Ok(self.permission());
            }
            BreakerState::HalfOpen | BreakerState::ForcedOpen => None,
            BreakerState::Open => Some(self.open_left(now)),
        };
        self.not_permitted += 1;
        self.not_permitted_ever += 1;
        Err(Refused { retry_after })
    }

    /// Tells how a permitted call ended and how long it took.
    pub fn record(&mut self, permission: Permission, outcome: Outcome, took: Duration, now: Duration) {
        self.give_up_stalled(now);
        if outcome == Outcome::Ignored {
            return self.release(permission);
        }
        let counts = matches!(self.state, BreakerState::Closed | BreakerState::HalfOpen);
        if permission.generation != self.generation || !counts {
            return;
        }
        self.window.record(outcome == Outcome::Failure, took > self.settings.slow_call, now);
        let metrics = self.metrics(now);
        let (Some(failure_rate), Some(slow_call_rate)) = (metrics.failure_rate, metrics.slow_call_rate) else { return };
        if failure_rate >= self.settings.failure_rate {
            self.enter(BreakerState::Open, Cause::FailureRate(failure_rate), now);
        } else if slow_call_rate >= self.settings.slow_call_rate {
            self.enter(BreakerState::Open, Cause::SlowCallRate(slow_call_rate), now);
        } else if self.state == BreakerState::HalfOpen {
            self.enter(BreakerState::Closed, Cause::Recovered, now);
        }
    }

    /// Gives a permission back whose call was not made, or whose end nobody learned.
    pub fn release(&mut self, permission: Permission) {
        if self.state == BreakerState::HalfOpen && permission.generation == self.generation {
            self.probes_left = (self.probes_left + 1).min(self.settings.half_open_permits);
        }
    }

    /// Puts the breaker into `state`, whatever it is in. The metrics begin anew, except where it opens.
    pub fn force(&mut self, state: BreakerState, now: Duration) {
        self.enter(state, Cause::Forced, now);
    }

    /// Where it stands. An open breaker stays open until a call asks after its wait.
    pub fn state(&mut self, now: Duration) -> BreakerState {
        self.give_up_stalled(now);
        self.state
    }

    /// What is in the window.
    pub fn metrics(&mut self, now: Duration) -> BreakerMetrics {
        let Tally { calls, failed, slow } = self.window.total(now);
        let minimum = match self.state {
            BreakerState::HalfOpen => self.settings.half_open_permits,
            // It opened because there was a rate.
            BreakerState::Open => 1,
            _ => self.settings.minimum_calls,
        };
        let rate = |part: u32| (calls >= minimum).then(|| f64::from(part) / f64::from(calls));
        BreakerMetrics {
            calls,
            failed,
            slow,
            failure_rate: rate(failed),
            slow_call_rate: rate(slow),
            not_permitted: self.not_permitted,
        }
    }

    /// Calls refused in its whole life.
    pub fn not_permitted_ever(&self) -> u64 {
        self.not_permitted_ever
    }

    /// The changes of state since this was asked last, oldest first; only the newest where they were many.
    pub fn take_transitions(&mut self) -> VecDeque<Transition> {
        std::mem::take(&mut self.transitions)
    }

    fn permission(&self) -> Permission {
        Permission { generation: self.generation }
    }

    fn open_left(&self, now: Duration) -> Duration {
        let wait = self.settings.open_wait.after(self.openings);
        wait.saturating_sub(now.saturating_sub(self.entered_at))
    }

    /// A half-open breaker whose probes do not end opens at the moment when its time was over.
    fn give_up_stalled(&mut self, now: Duration) {
        let Some(limit) = self.settings.half_open_wait.filter(|_| self.state == BreakerState::HalfOpen) else { return };
        let gives_up_at = self.entered_at.saturating_add(limit);
        if now >= gives_up_at {
            self.enter(BreakerState::Open, Cause::Stalled, gives_up_at);
        }
    }

    fn enter(&mut self, state: BreakerState, cause: Cause, now: Duration) {
        match state {
            // The metrics of the calls that opened it are kept to be looked at.
            BreakerState::Open => self.openings = self.openings.saturating_add(1),
            BreakerState::HalfOpen => {
                let probes = self.settings.half_open_permits;
                self.window = Window::new(WindowSize::Calls(probes));
                self.probes_left = probes;
            }
            BreakerState::Closed | BreakerState::Disabled | BreakerState::ForcedOpen => {
                self.window = Window::new(self.settings.window);
                self.openings = 0;
            }
        }
        if self.transitions.len() == MAX_TRANSITIONS {
            self.transitions.pop_front();
        }
        self.transitions.push_back(Transition { from: self.state, to: state, cause });
        self.state = state;
        self.generation += 1;
        self.entered_at = now;
        self.not_permitted = 0;
    }
}
