//! A wrapper that makes any adapter fail on a seed: before a call happened, after it happened, or late.
//!
//! The fate of a call follows from the seed, the method's name and how many calls of that method came
//! before. So a run can be replayed, and one method's fate does not depend on what other methods do.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    future::Future,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tessera_domain::hash::{SeededRandom, stable_hash};
use tessera_ports::{
    Determinacy, StoreError, StoreResult,
    decorators::{Decorated, Decorator},
};

/// How often calls fail and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultPlan {
    /// Everything follows from it.
    pub seed: u64,
    /// Share of calls (0 to 1) that fail before they happen: [`Determinacy::NotDone`].
    pub before_rate: f64,
    /// Share of calls (0 to 1) that happen and then fail: [`Determinacy::Unknown`], as after a time-out.
    pub after_rate: f64,
    /// Share of calls (0 to 1) that are delayed, whatever else becomes of them.
    pub delay_rate: f64,
    /// A delayed call waits from nothing up to this long.
    pub max_delay: Duration,
}

impl FaultPlan {
    /// A plan under which nothing fails and nothing is late.
    pub fn quiet(seed: u64) -> Self {
        Self { seed, before_rate: 0.0, after_rate: 0.0, delay_rate: 0.0, max_delay: Duration::ZERO }
    }

    /// What becomes of the `number`th call (from 0) of `method`.
    pub fn fate(&self, method: &str, number: u64) -> Fate {
        // The hash of the name keeps methods apart, the odd factor keeps calls apart.
        let mut random = SeededRandom::new(
            self.seed ^ stable_hash(method.as_bytes()).wrapping_add(number.wrapping_mul(0x9E6C_63D0_876A_68DD)),
        );
        let (fault, late, share) = (random.next_f64(), random.next_f64(), random.next_f64());
        let outcome = if fault < self.before_rate {
            FateOutcome::FailsBefore
        } else if fault < self.before_rate + self.after_rate {
            FateOutcome::FailsAfter
        } else {
            FateOutcome::Passes
        };
        let delay = if late < self.delay_rate { self.max_delay.mul_f64(share) } else { Duration::ZERO };
        Fate { outcome, delay }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    pub outcome: FateOutcome,
    /// How long it waits before it starts.
    pub delay: Duration,
}

/// Whether a call fails, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FateOutcome {
    /// It reaches the adapter and its answer comes back.
    Passes,
    /// It never reaches the adapter.
    FailsBefore,
    /// The adapter does it, but the caller hears of a time-out instead.
    FailsAfter,
}

/// How many faults were injected so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InjectedFaults {
    /// Calls that failed before they happened.
    pub before: u64,
    /// Calls that happened and then failed.
    pub after: u64,
    /// Calls that were delayed.
    pub delayed: u64,
}

/// An adapter with faults: `Faulty::new(adapter, Faults::new(plan))`.
pub type Faulty<P> = Decorated<P, Faults>;

/// Lets calls meet their fates.
///
/// It starts enabled. While it is disabled it passes every call through, uncounted.
pub struct Faults {
    plan: FaultPlan,
    enabled: AtomicBool,
    calls: Mutex<HashMap<&'static str, u64>>,
    before: AtomicU64,
    after: AtomicU64,
    delayed: AtomicU64,
}

impl Faults {
    pub fn new(plan: FaultPlan) -> Self {
        Self {
            plan,
            enabled: AtomicBool::new(true),
            calls: Mutex::new(HashMap::new()),
            before: AtomicU64::new(0),
            after: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
        }
    }

    /// Turns faults on or off, from the next call on.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::SeqCst);
    }

    /// How many faults were injected so far.
    pub fn injected(&self) -> InjectedFaults {
        InjectedFaults {
            before: self.before.load(Ordering::SeqCst),
            after: self.after.load(Ordering::SeqCst),
            delayed: self.delayed.load(Ordering::SeqCst),
        }
    }

    /// How often each method was called so far while this was enabled.
    pub fn calls(&self) -> HashMap<&'static str, u64> {
        self.calls.lock().clone()
    }

    fn count(&self, method: &'static str) -> u64 {
        let mut calls = self.calls.lock();
        let number = calls.entry(method).or_insert(0);
        *number += 1;
        *number - 1
    }
}

impl Decorator for Faults {
    // A future does nothing until it is polled, so one that is dropped never happened.
    async fn call<T: Send>(
        &self,
        method: &'static str,
        call: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        if !self.enabled.load(Ordering::SeqCst) {
            return call.await;
        }
        let fate = self.plan.fate(method, self.count(method));
        if !fate.delay.is_zero() {
            self.delayed.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(fate.delay).await;
        }
        match fate.outcome {
            FateOutcome::Passes => call.await,
            FateOutcome::FailsBefore => {
                self.before.fetch_add(1, Ordering::SeqCst);
                Err(injected(method, "failed before it happened", Determinacy::NotDone))
            }
            FateOutcome::FailsAfter => {
                call.await?;
                self.after.fetch_add(1, Ordering::SeqCst);
                Err(injected(method, "happened, then timed out", Determinacy::Unknown))
            }
        }
    }
}

fn injected(method: &str, what: &str, determinacy: Determinacy) -> StoreError {
    StoreError::Unavailable { store: "faulty store", determinacy, detail: format!("injected: {method} {what}") }
}
