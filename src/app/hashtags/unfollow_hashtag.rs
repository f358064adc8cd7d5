//! Stop following a hashtag.

use super::Hashtags;
use crate::AppResult;
use tessera_domain::{UserId, text};

impl Hashtags {
    /// Ends that `user_id` follows a hashtag. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::Invalid`] for what can be no hashtag.
    pub async fn unfollow_hashtag(&self, user_id: UserId, tag: &str) -> AppResult<()> {
        let tag = text::hashtag(tag)?;
        self.ledger.unfollow_hashtag(user_id, &tag).await?;
        self.recommendation_memory.outdate(user_id).await;
        Ok(())
    }
}
