//! Delete a comment.

use super::Engagement;
use crate::{AppError, AppResult};
use tessera_domain::{
    CommentId, UserId,
    counters::{CounterOperation, CounterOutcome},
};

impl Engagement {
    /// Deletes a comment; allowed to who wrote it and to the post's author.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none (any more) or the user may not see its post;
    /// [`AppError::Forbidden`] for everybody else.
    pub async fn delete_comment(&self, user_id: UserId, comment_id: CommentId) -> AppResult<()> {
        let comment = self.ledger.comment(comment_id).await?.ok_or(AppError::NotFound("comment"))?;
        let operation = CounterOperation::DeleteComment { comment_id, user_id };
        // Whoever wrote a comment may take it back, even where the post is hidden from them by now.
        if comment.author_id != user_id {
            self.posts.open_post(user_id, comment.post_id).await.map_err(|error| match error {
                AppError::NotFound(_) => AppError::NotFound("comment"),
                other => other,
            })?;
        }
        match self.count(comment.post_id, user_id, operation).await?.outcome {
            CounterOutcome::Applied => Ok(()),
            CounterOutcome::NotFound => Err(AppError::NotFound("comment")),
            CounterOutcome::Forbidden => Err(AppError::Forbidden),
            other => Err(AppError::Internal(format!("a deletion was answered {other:?}"))),
        }
    }
}
