//! Starts a campaign.

use super::Operators;
use crate::{AppError, AppResult, clock};
use tessera_domain::{PostId, Timestamp, ads::Ad};

/// A campaign to be started.
#[derive(Debug, Clone)]
pub struct NewAd {
    /// The post to promote.
    pub post_id: PostId,
    /// Shown from then on; now, where not given.
    pub starts_at: Option<Timestamp>,
    /// Not shown from then on.
    pub ends_at: Timestamp,
    /// Most impressions per UTC day, over all users.
    pub daily_budget: u64,
    /// Most impressions per UTC day to one user.
    pub frequency_cap: u32,
}

impl Operators {
    /// Starts a campaign for an existing post.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an empty window or budget, [`AppError::NotFound`] for an unknown post.
    pub async fn create_ad(&self, new: NewAd) -> AppResult<Ad> {
        let ad = Ad {
            id: self.ids.ad(),
            post_id: new.post_id,
            starts_at: new.starts_at.unwrap_or_else(clock::now),
            ends_at: new.ends_at,
            daily_budget: new.daily_budget,
            frequency_cap: new.frequency_cap,
        };
        ad.check()?;
        if !self.ledger.put_ad(ad.clone()).await? {
            return Err(AppError::NotFound("post"));
        }
        self.ads.refresh();
        Ok(ad)
    }
}
