//! Campaigns and what was spent today.

use super::{AdSpend, Operators};
use crate::{AppResult, clock};

impl Operators {
    /// Up to `limit` campaigns, newest first, with today's impressions.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn list_ads(&self, active_only: bool, limit: usize) -> AppResult<Vec<AdSpend>> {
        Ok(self.ledger.ads(clock::now(), active_only, limit).await?)
    }
}
