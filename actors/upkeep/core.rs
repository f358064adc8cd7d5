//! Rounds of upkeep, one at a time.

/// How many rounds there were, and whether one runs.
#[derive(Debug, Default)]
pub(super) struct UpkeepCore {
    begun: u64,
    round_runs: bool,
}

impl UpkeepCore {
    /// Begins a round and gives its number, from 0; none while one runs.
    pub fn begin(&mut self) -> Option<u64> {
        if std::mem::replace(&mut self.round_runs, true) {
            return None;
        }
        self.begun += 1;
        Some(self.begun - 1)
    }

    pub fn end(&mut self) {
        self.round_runs = false;
    }
}
