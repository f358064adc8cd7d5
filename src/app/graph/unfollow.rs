//! Stop following an account.

use super::Graph;
use crate::{AppResult, accounts::UserKey, clock, outdate::outdate_relations};
use tessera_domain::UserId;

impl Graph {
    /// Ends a follow; its posts are gone from the next feed. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unfollow(&self, follower: UserId, key: &UserKey) -> AppResult<()> {
        let followee = self.accounts.get_user(follower, key).await?.user.id;
        let was_following = self.ledger.unfollow(follower, followee, clock::now(), self.celebrity_rule).await?;
        // Also where there was nothing to end: it may be asked again because a node had not heard of it.
        outdate_relations(&self.invalidation, &[follower]).await?;
        if was_following {
            self.timeline_follow_changed(follower, followee, false).await;
        }
        Ok(())
    }
}
