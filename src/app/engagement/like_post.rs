//! Like a post.

use super::Engagement;
use crate::{AppError, AppResult, clock};
use tessera_actors::recommender::LikeChanged;
use tessera_domain::{
    PostId, UserId,
    counters::{CounterOperation, CounterOutcome},
    impression::EngagementKind,
    post::PostRef,
};

impl Engagement {
    /// Likes a post; returns its total of likes.
    ///
    /// # Errors
    /// [`AppError::DuplicateLike`] where the user likes it already; [`AppError::NotFound`] where they may not
    /// see it.
    pub async fn like_post(&self, user_id: UserId, post_id: PostId) -> AppResult<u64> {
        let post = self.posts.open_post(user_id, post_id).await?;
        let answer = self.count(post_id, user_id, CounterOperation::Like { user_id }).await?;
        match answer.outcome {
            CounterOutcome::Applied => {
                let post = PostRef { post_id, author_id: post.author_id };
                self.recommendations.taste_changed(user_id, LikeChanged::Liked { post, at: clock::now() }).await;
                self.recommendations.log_engagement(user_id, post_id, EngagementKind::Like);
                Ok(answer.totals.likes)
            }
            CounterOutcome::AlreadyLiked => Err(AppError::DuplicateLike),
            CounterOutcome::NotFound => Err(AppError::NotFound("post")),
            other => Err(AppError::Internal(format!("a like was answered {other:?}"))),
        }
    }
}
