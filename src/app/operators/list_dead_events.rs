//! Events of the outbox that were given up.

use super::DeadEvent;
use crate::{App, AppResult};

impl App {
    /// Up to `limit` events whose effects could not be made to take place, oldest first.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_dead_events(&self, limit: usize) -> AppResult<Vec<DeadEvent>> {
        Ok(self.ledger.dead_events(limit).await?)
    }
}
