//! Take a like back.

use super::Engagement;
use crate::{AppError, AppResult};
use tessera_actors::recommender::LikeChanged;
use tessera_domain::{
    PostId, UserId,
    counters::{CounterOperation, CounterOutcome},
};

impl Engagement {
    /// Takes the user's like back, if there is one; returns the post's total of likes.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such post or the user may not see it.
    pub async fn unlike_post(&self, user_id: UserId, post_id: PostId) -> AppResult<u64> {
        self.posts.open_post(user_id, post_id).await?;
        let answer = self.count(post_id, user_id, CounterOperation::Unlike { user_id }).await?;
        match answer.outcome {
            CounterOutcome::Applied => {
                self.recommendations.taste_changed(user_id, LikeChanged::Unliked(post_id)).await;
                Ok(answer.totals.likes)
            }
            CounterOutcome::NotLiked => Ok(answer.totals.likes),
            CounterOutcome::NotFound => Err(AppError::NotFound("post")),
            other => Err(AppError::Internal(format!("an unlike was answered {other:?}"))),
        }
    }
}
