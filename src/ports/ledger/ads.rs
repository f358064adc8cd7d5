//! Advertisements and what was shown of them.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{AdId, Timestamp, UserId, ads::Ad, post::PostRef};

/// An active ad with its author and how much of today's budget is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdSpend {
    pub ad: Ad,
    /// The promoted post and its author.
    pub post: PostRef,
    /// Impressions today (UTC), over all users.
    pub impressions_today: u64,
}

/// Impressions of one ad by one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdImpressions {
    pub ad_id: AdId,
    pub user_id: UserId,
    pub count: u32,
}

#[async_trait]
pub trait AdLedger: Send + Sync + 'static {
    /// Stores a campaign; false where its post does not exist.
    async fn put_ad(&self, ad: Ad) -> StoreResult<bool>;

    /// Campaigns, newest first, with today's spend (of `now`'s UTC day).
    async fn ads(&self, now: Timestamp, active_only: bool, limit: usize) -> StoreResult<Vec<AdSpend>>;

    /// How often each ad was shown to `user_id` on the UTC day `day`.
    async fn impressions_of(&self, user_id: UserId, day: i64) -> StoreResult<Vec<AdImpressions>>;

    /// Adds impressions to the UTC day `day`.
    async fn add_impressions(&self, day: i64, impressions: &[AdImpressions]) -> StoreResult<()>;
}
