//! When a call that failed is made again: the one place that decides it.
//!
//! What certainly was not delivered is sent again to whom it belongs to now, while there is time. What may have been
//! handled, because its answer was lost or its entity restarted, is repeated where that does no harm, and only out of a
//! budget: all calls of a node earn it, so that repetitions stay a tenth of the calls, whatever breaks. Who is
//! overloaded is left alone.

use super::transport::RemoteError;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often one call is repeated whose answer was lost.
const MAX_REPEATS: u32 = 3;
/// How often one is repeated whose entity restarted: one that panics again does so because of the call.
const MAX_REPEATS_OF_RESTARTED: u32 = 1;
/// So many calls earn one repetition.
const CALLS_PER_REPEAT: u32 = 10;
/// Repetitions that are saved up at most; a node begins with them.
const MAX_SAVED: u32 = 100;

/// The repetitions that a node may still afford.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    /// In tenths of a repetition.
    saved: AtomicU32,
}

/// What was tried of one call so far.
#[derive(Debug)]
pub(crate) struct Attempts {
    is_repeatable: bool,
    repeats: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { saved: AtomicU32::new(MAX_SAVED * CALLS_PER_REPEAT) }
    }
}

impl RetryBudget {
    /// A call is made for the first time.
    pub(crate) fn begin(&self, is_repeatable: bool) -> Attempts {
        let earn = |saved| (saved < MAX_SAVED * CALLS_PER_REPEAT).then_some(saved + 1);
        // Full is no error.
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
        Attempts { is_repeatable, repeats: 0 }
    }

    /// Whether to make it again after `error`.
    pub(crate) fn allows(&self, attempts: &mut Attempts, error: &RemoteError) -> bool {
        match error {
            RemoteError::Unlinked | RemoteError::Moved { .. } | RemoteError::Draining => true,
            RemoteError::Lost => self.repeats(attempts, MAX_REPEATS),
            RemoteError::Restarted => self.repeats(attempts, MAX_REPEATS_OF_RESTARTED),
            RemoteError::Overloaded
            | RemoteError::Expired
            | RemoteError::UnknownMethod { .. }
            | RemoteError::Malformed { .. }
            | RemoteError::TooLarge => false,
        }
    }

    fn repeats(&self, attempts: &mut Attempts, at_most: u32) -> bool {
        attempts.repeats += 1;
        attempts.is_repeatable && attempts.repeats <= at_most && self.spend()
    }

    fn spend(&self) -> bool {
        let spend = |saved: u32| saved.checked_sub(CALLS_PER_REPEAT);
        let is_spent = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok();
        if !is_spent {
            metrics::counter!("tessera_cluster_retries_refused_total").increment(1);
        }
        is_spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_delivered_is_sent_again_and_who_is_overloaded_is_left_alone() {
        let budget = RetryBudget::default();
        let mut attempts = budget.begin(false);
        for _ in 0..1_000 {
            assert!(budget.allows(&mut attempts, &RemoteError::Moved { epoch: 1 }));
        }
        assert!(!budget.allows(&mut attempts, &RemoteError::Lost), "it may have been handled");
        let mut attempts = budget.begin(true);
        assert!(!budget.allows(&mut attempts, &RemoteError::Overloaded));
        for (error, at_most) in [(RemoteError::Lost, 3), (RemoteError::Restarted, 1)] {
            let mut attempts = budget.begin(true);
            let repeats = (0..10).filter(|_| budget.allows(&mut attempts, &error)).count();
            assert_eq!(repeats, at_most, "after {error}");
        }
    }

    #[test]
    fn when_everything_breaks_repetitions_stay_a_tenth_of_the_calls() {
        let budget = RetryBudget::default();
        let repeats_of = |calls: u32| {
            let repeats = |_| {
                let mut attempts = budget.begin(true);
                (0..10).filter(|_| budget.allows(&mut attempts, &RemoteError::Lost)).count()
            };
            (0..calls).map(repeats).sum::<usize>()
        };
        assert!((100..=110).contains(&repeats_of(100)), "what was saved up");
        assert!((990..=1_010).contains(&repeats_of(10_000)));
    }
}
