//! Follow a hashtag.

use super::Hashtags;
use crate::{AppResult, clock};
use tessera_domain::{Invalid, UserId, text};
use tessera_ports::ledger::{FollowHashtagOutcome, MAX_FOLLOWED_HASHTAGS};

impl Hashtags {
    /// Makes `user_id` follow a hashtag: its posts are among what is recommended. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::Invalid`] for what can be no hashtag and past [`MAX_FOLLOWED_HASHTAGS`].
    pub async fn follow_hashtag(&self, user_id: UserId, tag: &str) -> AppResult<()> {
        let tag = text::hashtag(tag)?;
        match self.ledger.follow_hashtag(user_id, &tag, clock::now()).await? {
            FollowHashtagOutcome::Followed => {
                self.recommendation_memory.outdate(user_id).await;
                Ok(())
            }
            FollowHashtagOutcome::TooMany => {
                let reason = format!("at most {MAX_FOLLOWED_HASHTAGS} hashtags can be followed");
                Err(Invalid::new("tag", reason).into())
            }
        }
    }
}
