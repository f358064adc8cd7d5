//! Rounds of upkeep, one at a time.

/// Whether a round runs.
#[derive(Debug, Default)]
pub(super) struct UpkeepCore {
    round_runs: bool,
}

impl UpkeepCore {
    /// Begins a round; false while one runs.
    pub fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.round_runs, true)
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.round_runs = false;
    }
}
