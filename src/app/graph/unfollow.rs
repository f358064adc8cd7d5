//! Stop following an account.

use super::Graph;
use crate::{AppResult, accounts::UserKey, clock};
use tessera_domain::UserId;

impl Graph {
    /// Ends a follow; its posts are gone from the next feed. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unfollow(&self, follower: UserId, key: &UserKey) -> AppResult<()> {
        let followee = self.accounts.get_user(follower, key).await?.user.id;
        if self.ledger.unfollow(follower, followee, clock::now(), self.celebrity_rule).await? {
            self.timeline_follow_changed(follower, followee, false).await;
        }
        Ok(())
    }
}
