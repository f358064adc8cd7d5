//! The state machine.

use super::{
    BreakerMetrics, BreakerSettings, BreakerState, Cause, Ended, Gate, Transition, WindowSize,
    gate::{Standing, generation_mask},
    window::{Tally, Window},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Transitions kept for somebody who never asks for them.
const MAX_TRANSITIONS: usize = 64;

/// A circuit breaker's machine: what it decides, calls see at its [`Gate`].
#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    gate: Arc<Gate>,
    state: BreakerState,
    /// Counts changes of state.
    generation: u32,
    entered_at: Duration,
    /// When an open state lets probes pass.
    open_until: Duration,
    /// Since when probes of a half-open state are under way.
    probing_since: Option<Duration>,
    window: Window,
    /// Openings since it was closed for long.
    openings: u32,
    /// Calls refused before the state was entered.
    refused_before: u64,
    transitions: VecDeque<Transition>,
}

impl Breaker {
    /// A closed breaker. Settings out of range are taken as the nearest that are in it.
    pub fn new(settings: BreakerSettings, now: Duration) -> Self {
        let settings = in_range(settings);
        let standing = Standing { state: BreakerState::Closed, generation: 0, probes: 0, is_attentive: false };
        let gate = Arc::new(Gate::new(standing, settings.slow_call));
        Self::resume(settings, gate, now)
    }

    /// The machine of a breaker whose machine was lost: it stands where its gate says, and knows of no calls. A closed
    /// one was closed just now, and the next opening is the first.
    pub fn resume(settings: BreakerSettings, gate: Arc<Gate>, now: Duration) -> Self {
        let settings = in_range(settings);
        let (state, generation) = (gate.state(), gate.generation());
        let open_until = gate.open_until().unwrap_or(now);
        let window = match state {
            BreakerState::HalfOpen => WindowSize::Calls(settings.half_open_permits),
            _ => settings.window,
        };
        let mut breaker = Self {
            settings,
            state,
            generation,
            entered_at: now,
            open_until,
            // What became of the probes is not known: their time runs from here.
            probing_since: (state == BreakerState::HalfOpen).then_some(now),
            window: Window::new(window),
            openings: u32::from(state != BreakerState::Closed),
            refused_before: gate.not_permitted(),
            transitions: VecDeque::new(),
            gate,
        };
        breaker.attend(now);
        breaker
    }

    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// A permitted call ended.
    pub fn record(&mut self, ended: Ended) {
        let now = Duration::from_millis(ended.at_ms);
        if self.state == BreakerState::HalfOpen {
            self.tick(now);
        }
        let counts = matches!(self.state, BreakerState::Closed | BreakerState::HalfOpen);
        if ended.generation != self.generation || !counts {
            return;
        }
        self.window.record(ended.failed, ended.slow, now);
        let metrics = self.metrics(now);
        if let (Some(failure_rate), Some(slow_call_rate)) = (metrics.failure_rate, metrics.slow_call_rate) {
            if failure_rate >= self.settings.failure_rate {
                return self.enter(BreakerState::Open, Cause::FailureRate(failure_rate), now);
            }
            if slow_call_rate >= self.settings.slow_call_rate {
                return self.enter(BreakerState::Open, Cause::SlowCallRate(slow_call_rate), now);
            }
            if self.state == BreakerState::HalfOpen {
                return self.enter(BreakerState::Closed, Cause::Recovered, now);
            }
        }
        self.attend(now);
    }

    /// The first probe of the half-open state `generation` was let through.
    pub fn probes_began(&mut self, generation: u32, now: Duration) {
        if self.state == BreakerState::HalfOpen && self.generation == generation {
            self.probing_since.get_or_insert(now);
        }
    }

    /// Changes what has to change with time: an open breaker whose wait is over lets probes pass, and a half-open one
    /// whose probes do not end opens at the moment when their time was over.
    pub fn tick(&mut self, now: Duration) {
        match self.changes_at() {
            Some(at) if at <= now && self.state == BreakerState::Open => {
                self.enter(BreakerState::HalfOpen, Cause::WaitOver, now);
            }
            Some(at) if at <= now => self.enter(BreakerState::Open, Cause::Stalled, at),
            _ => self.attend(now),
        }
    }

    /// When [`Breaker::tick`] has something to change next, as far as is known.
    pub fn changes_at(&self) -> Option<Duration> {
        match self.state {
            BreakerState::Open => Some(self.open_until),
            BreakerState::HalfOpen => {
                let limit = self.settings.half_open_wait?;
                Some(self.probing_since?.saturating_add(limit))
            }
            BreakerState::Closed | BreakerState::Disabled | BreakerState::ForcedOpen => None,
        }
    }

    /// Puts the breaker into `state`, whatever it is in. The metrics begin anew, except where it opens.
    pub fn force(&mut self, state: BreakerState, now: Duration) {
        self.openings = 0;
        self.enter(state, Cause::Forced, now);
    }

    /// Opens it for what its supervisor saw, unless an operator has said where it is to stand.
    pub fn trip(&mut self, now: Duration) {
        if !matches!(self.state, BreakerState::ForcedOpen | BreakerState::Disabled) {
            self.enter(BreakerState::Open, Cause::Escalated, now);
        }
    }

    pub fn state(&self) -> BreakerState {
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
            not_permitted: self.gate.not_permitted() - self.refused_before,
        }
    }

    /// The changes of state since this was asked last, oldest first; only the newest where they were many.
    pub fn take_transitions(&mut self) -> VecDeque<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// Says at the gate whether the end of any call may change the state: while nothing in the window went wrong, calls
    /// that go well do not.
    fn attend(&mut self, now: Duration) {
        let is_attentive = match self.state {
            BreakerState::HalfOpen => true,
            BreakerState::Closed => {
                let Tally { failed, slow, .. } = self.window.total(now);
                failed + slow > 0
            }
            BreakerState::Open | BreakerState::Disabled | BreakerState::ForcedOpen => false,
        };
        if is_attentive != self.gate.is_attentive() {
            self.gate.set_attentive(is_attentive);
        }
    }

    fn enter(&mut self, state: BreakerState, cause: Cause, now: Duration) {
        let mut probes = 0;
        match state {
            // The metrics of the calls that opened it are kept to be looked at.
            BreakerState::Open => {
                let closed_for = now.saturating_sub(self.entered_at);
                if self.state == BreakerState::Closed && closed_for >= self.settings.open_wait.after(self.openings) {
                    self.openings = 0;
                }
                self.openings = self.openings.saturating_add(1);
                self.open_until = now.saturating_add(self.settings.open_wait.after(self.openings));
            }
            BreakerState::HalfOpen => {
                probes = self.settings.half_open_permits;
                self.window = Window::new(WindowSize::Calls(probes));
            }
            BreakerState::Closed | BreakerState::Disabled | BreakerState::ForcedOpen => {
                self.window = Window::new(self.settings.window);
            }
        }
        if self.transitions.len() == MAX_TRANSITIONS {
            self.transitions.pop_front();
        }
        self.transitions.push_back(Transition { from: self.state, to: state, cause });
        self.state = state;
        self.generation = (self.generation + 1) & generation_mask();
        self.entered_at = now;
        self.probing_since = None;
        self.refused_before = self.gate.not_permitted();
        let is_attentive = state == BreakerState::HalfOpen;
        let standing = Standing { state, generation: self.generation, probes, is_attentive };
        self.gate.publish(standing, (state == BreakerState::Open).then_some(self.open_until));
    }
}

fn in_range(mut settings: BreakerSettings) -> BreakerSettings {
    let rate = |rate: f64| if rate.is_nan() { 1.0 } else { rate.clamp(f64::MIN_POSITIVE, 1.0) };
    settings.failure_rate = rate(settings.failure_rate);
    settings.slow_call_rate = rate(settings.slow_call_rate);
    settings.half_open_permits = settings.half_open_permits.clamp(1, super::MAX_WINDOW);
    settings.minimum_calls = match settings.window {
        WindowSize::Calls(calls) => settings.minimum_calls.min(calls).min(super::MAX_WINDOW),
        WindowSize::Seconds(_) => settings.minimum_calls,
    }
    .max(1);
    settings
}
