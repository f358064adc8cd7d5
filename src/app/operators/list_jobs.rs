//! Media jobs.

use super::{JobState, JobView};
use crate::{App, AppResult};

impl App {
    /// Up to `limit` media jobs in one state (or in any), oldest first.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_jobs(&self, state: Option<JobState>, limit: usize) -> AppResult<Vec<JobView>> {
        Ok(self.ledger.jobs(state, limit).await?)
    }
}
