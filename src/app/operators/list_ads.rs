//! Campaigns and what was spent today.

use super::AdSpend;
use crate::{App, AppResult};

impl App {
    /// Up to `limit` campaigns, newest first, with today's impressions.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_ads(&self, active_only: bool, limit: usize) -> AppResult<Vec<AdSpend>> {
        Ok(self.ledger.ads(self.now(), active_only, limit).await?)
    }
}
