//! What a breaker and its supervisor tell of themselves.

use super::wards::Symptom;
use std::{collections::VecDeque, time::Duration};
use tessera_domain::{
    Timestamp,
    breaker::{BreakerMetrics, BreakerState},
};

/// Restarts that are remembered.
const REMEMBERED_RESTARTS: usize = 8;

/// What a breaker did so far.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerStats {
    pub name: String,
    pub state: BreakerState,
    /// How long it stays open yet; `None` where it is not open, or nobody knows.
    pub open_left: Option<Duration>,
    /// Calls refused because it was open, since the node started.
    pub not_permitted: u64,
    /// Calls refused because too many were under way.
    pub full: u64,
    /// Calls whose error said nothing about the dependency.
    pub ignored: u64,
    /// Calls whose caller went away.
    pub cancelled: u64,
    /// Calls whose end its actor did not hear of, since too many ended at once.
    pub unheard: u64,
    /// What its actor says, a second ago at most.
    pub report: BreakerReport,
}

/// What a breaker's actor knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BreakerReport {
    /// What is in the window.
    pub metrics: BreakerMetrics,
    /// Calls that went well.
    pub succeeded: u64,
    /// Calls that failed, were cut off or panicked.
    pub failed: u64,
    /// How often it opened.
    pub opened: u64,
    /// What stands behind it and was restarted.
    pub restarts: WardRestarts,
    /// How often it opened because restarts did not help.
    pub escalations: u64,
    /// How often all that stands behind it was restarted.
    pub restarts_of_all: u64,
}

/// Restarts of what stands behind a breaker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WardRestarts {
    /// Of those that hung.
    pub hung: u64,
    /// Of those that panicked.
    pub panicked: u64,
    /// Of those that were flooded.
    pub flooded: u64,
    /// The last few, oldest first.
    pub last: VecDeque<WardRestart>,
}

/// A restart of what stands behind a breaker.
#[derive(Debug, Clone, PartialEq)]
pub struct WardRestart {
    pub ward: String,
    pub symptom: Symptom,
    pub at: Timestamp,
}

impl WardRestarts {
    /// How many there were.
    pub fn total(&self) -> u64 {
        self.hung + self.panicked + self.flooded
    }

    pub(super) fn note(&mut self, restart: WardRestart) {
        *match restart.symptom {
            Symptom::Hung => &mut self.hung,
            Symptom::Panicked => &mut self.panicked,
            Symptom::Flooded => &mut self.flooded,
        } += 1;
        if self.last.len() == REMEMBERED_RESTARTS {
            self.last.pop_front();
        }
        self.last.push_back(restart);
    }
}
