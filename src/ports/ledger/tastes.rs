//! Who liked what lately: what recommendations know of people.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, post::PostRef};

/// A like that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingLike {
    pub user_id: UserId,
    /// What, and whose it is.
    pub post: PostRef,
    pub at: Timestamp,
}

/// Likes by the people that gave them.
#[async_trait]
pub trait TasteLedger: Send + Sync + 'static {
    /// The newest `per_user` likes of each of `users`, newest first for each of them.
    async fn recent_likes(&self, users: &[UserId], per_user: usize) -> StoreResult<Vec<StandingLike>>;

    /// For each of `posts` those who liked it last, at most `per_post`, newest first for each of them.
    async fn last_likers(&self, posts: &[PostId], per_post: usize) -> StoreResult<Vec<(PostId, UserId)>>;
}
