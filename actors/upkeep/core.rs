//! What is left over from one round of upkeep to the next.

/// The most keys of objects that are kept for another try; those past it stay in the object store.
pub(super) const MAX_UNDELETED: usize = 10_000;

/// Rounds, one at a time, and the objects still to be deleted.
#[derive(Debug, Default)]
pub(super) struct UpkeepCore {
    round_runs: bool,
    undeleted: Vec<String>,
}

impl UpkeepCore {
    /// Begins a round, unless one runs: with the keys that earlier rounds could not delete.
    pub fn begin(&mut self) -> Option<Vec<String>> {
        if std::mem::replace(&mut self.round_runs, true) {
            return None;
        }
        Some(std::mem::take(&mut self.undeleted))
    }

    /// Ends a round; returns how many keys were given up.
    pub fn end(&mut self, mut undeleted: Vec<String>) -> usize {
        let given_up = undeleted.len().saturating_sub(MAX_UNDELETED);
        undeleted.truncate(MAX_UNDELETED);
        self.round_runs = false;
        self.undeleted = undeleted;
        given_up
    }
}
