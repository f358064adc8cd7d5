//! A circuit breaker as a pure state machine, with the vocabulary and the semantics of resilience4j
//! (docs/functions.md, section 10).
//!
//! ```text
//!            rate reached                 wait over
//! closed ───────────────────► open ─────────────────────────► half open
//!    ▲                          ▲  rate reached, or stalled      │
//!    │                          └────────────────────────────────┤
//!    └───────────────────────────────────────────────────────────┘ probes went well
//! ```
//! `disabled` lets everything pass and counts nothing, `forced_open` lets nothing pass; only an operator enters
//! and leaves them. Time is what the caller says it is: the time since any fixed moment, on a clock that never
//! goes back.
//!
//! Two parts share the work. The [`Breaker`] has one owner, which tells it how calls ended and what time it is; it
//! decides. The [`Gate`] is for everybody: a word with the state, at which calls are let through or refused without a
//! lock.
//!
//! One rule is stricter than resilience4j's: a call that began before the state changed says nothing about the
//! new state, so a late failure cannot end a probe that it was no part of.

mod gate;
mod machine;
#[cfg(test)]
mod tests;
mod window;

pub use gate::{Ended, Gate, Permission, Refused};
pub use machine::Breaker;

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest window, in calls or seconds: each takes a few bytes.
pub const MAX_WINDOW: u32 = 10_000;

/// Which calls the rates are computed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowSize {
    /// The last so many.
    Calls(u32),
    /// Those of the last so many seconds, the current one included.
    Seconds(u32),
}

/// How long a breaker stays open before it lets probes pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenWait {
    /// After it opened first.
    pub first: Duration,
    /// By how much each further opening makes it longer, until it was closed for as long as it was open last; 1 for
    /// never.
    pub factor: f64,
    pub longest: Duration,
}

impl OpenWait {
    /// The same after every opening.
    pub fn constant(wait: Duration) -> Self {
        Self { first: wait, factor: 1.0, longest: wait }
    }

    /// The wait after the `opening`th opening in a row, counted from 1.
    pub fn after(&self, opening: u32) -> Duration {
        let growth = self.factor.max(1.0).powi(i32::try_from(opening.saturating_sub(1)).unwrap_or(i32::MAX));
        let wait = Duration::try_from_secs_f64(self.first.as_secs_f64() * growth).unwrap_or(Duration::MAX);
        wait.min(self.longest.max(self.first))
    }
}

/// What makes a breaker open and close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Opens where at least this share of calls failed; above 0, at most 1.
    pub failure_rate: f64,
    /// Opens where at least this share of calls was slow; above 0, at most 1.
    pub slow_call_rate: f64,
    /// A call that takes longer is slow, whether it fails or not.
    pub slow_call: Duration,
    pub window: WindowSize,
    /// No rate, and no opening, before so many calls are in the window. At most the size of a window of calls.
    pub minimum_calls: u32,
    /// Calls that pass while half open; once all of them have ended the rates decide.
    pub half_open_permits: u32,
    /// How long it stays open.
    pub open_wait: OpenWait,
    /// A half-open breaker goes back to open so long after its first probe, where they do not end; `None`: it waits for
    /// them.
    pub half_open_wait: Option<Duration>,
}

impl Default for BreakerSettings {
    /// Half of the last 100 calls, ten at least, failed or all of them took over a minute: open for 30 s, then ten
    /// probes.
    fn default() -> Self {
        Self {
            failure_rate: 0.5,
            slow_call_rate: 1.0,
            slow_call: Duration::from_secs(60),
            window: WindowSize::Calls(100),
            minimum_calls: 10,
            half_open_permits: 10,
            open_wait: OpenWait::constant(Duration::from_secs(30)),
            half_open_wait: None,
        }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass and are counted.
    Closed,
    Open,
    /// A few calls pass, to see whether the dependency is well again.
    HalfOpen,
    /// Calls pass and are not counted.
    Disabled,
    /// Calls are refused until an operator says otherwise.
    ForcedOpen,
}

impl BreakerState {
    pub const ALL: [Self; 5] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Disabled, Self::ForcedOpen];

    /// The word that the API and the metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Disabled => "disabled",
            Self::ForcedOpen => "forced_open",
        }
    }
}

/// How a permitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Failure,
    /// An error that says nothing about the dependency (a bad request): not counted, and the permission is given back.
    Ignored,
}

/// What is known of the calls in the window.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BreakerMetrics {
    /// How many there are.
    pub calls: u32,
    /// How many of them failed.
    pub failed: u32,
    /// How many of them were slow.
    pub slow: u32,
    /// Failed ones of all, 0 to 1; `None` below the minimum number of calls.
    pub failure_rate: Option<f64>,
    /// Slow ones of all, 0 to 1; `None` below the minimum number of calls.
    pub slow_call_rate: Option<f64>,
    /// Calls refused since the state was entered.
    pub not_permitted: u64,
}

/// What moved a breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// Too many calls failed.
    FailureRate(f64),
    /// Too many calls were slow.
    SlowCallRate(f64),
    /// It was open for long enough.
    WaitOver,
    /// The probes did not end in time.
    Stalled,
    /// The probes went well.
    Recovered,
    Forced,
    /// Restarting what stands behind it did not help.
    Escalated,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    pub from: BreakerState,
    pub to: BreakerState,
    pub cause: Cause,
}
