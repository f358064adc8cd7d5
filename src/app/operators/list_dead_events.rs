//! Events of the outbox that were given up.

use super::{DeadEvent, Operators};
use crate::{AppResult, Page};

impl Operators {
    /// A page of events whose effects could not be made to take place, oldest first, those behind the position `after`.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_dead_events(&self, after: Option<i64>, limit: usize) -> AppResult<Page<DeadEvent, i64>> {
        let rows = self.ledger.dead_events(after, limit + 1).await?;
        Ok(Page::from_rows(rows, limit, |event| event.id))
    }
}
