//! What waits to be done.

use super::Operators;
use crate::AppResult;
use tessera_ports::ledger::{JobCounts, OutboxCounts};

/// Work that the ledger holds, for all nodes together. Each count is at most [`MAX_COUNTED`](super::MAX_COUNTED).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    pub jobs: JobCounts,
    /// Events of the outbox.
    pub events: OutboxCounts,
}

impl Operators {
    /// How much waits to be done, and how much was given up.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn backlog(&self) -> AppResult<Backlog> {
        let (jobs, events) = tokio::try_join!(self.ledger.job_counts(), self.ledger.outbox_counts())?;
        Ok(Backlog { jobs, events })
    }
}
