//! Stop following an account.

use crate::{App, AppResult, accounts::UserKey};
use tessera_domain::UserId;

impl App {
    /// Ends a follow; its posts are gone from the next feed. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unfollow(&self, follower: UserId, key: &UserKey) -> AppResult<()> {
        let followee = self.get_user(follower, key).await?.user.id;
        if self.ledger.unfollow(follower, followee, self.now(), self.settings.celebrity_rule).await? {
            self.timeline_follow_changed(follower, followee, false).await;
        }
        Ok(())
    }
}
