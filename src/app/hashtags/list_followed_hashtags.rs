//! The hashtags that somebody follows.

use super::Hashtags;
use crate::AppResult;
use tessera_domain::UserId;

impl Hashtags {
    /// The hashtags that `user_id` follows, in alphabetical order; there are at most 500.
    pub async fn list_followed_hashtags(&self, user_id: UserId) -> AppResult<Vec<String>> {
        Ok(self.ledger.followed_hashtags(user_id).await?)
    }
}
