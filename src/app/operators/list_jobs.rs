//! Media jobs.

use super::{JobState, JobView, Operators};
use crate::{AppResult, Page};

impl Operators {
    /// A page of media jobs in one state (or in any), oldest first, those behind the number `after`.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_jobs(
        &self,
        state: Option<JobState>,
        after: Option<i64>,
        limit: usize,
    ) -> AppResult<Page<JobView, i64>> {
        let rows = self.ledger.jobs(state, after, limit + 1).await?;
        Ok(Page::from_rows(rows, limit, |job| job.number))
    }
}
