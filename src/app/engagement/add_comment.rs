//! Comment on a post.

use super::{CommentView, Engagement};
use crate::{AppError, AppResult};
use tessera_domain::{
    PostId, UserId,
    counters::{CounterOperation, CounterOutcome},
    impression::EngagementKind,
    post::Comment,
    text,
};

/// What somebody wants to say.
#[derive(Debug, Clone)]
pub struct CommentRequest {
    pub text: String,
    /// The client's idempotency key, if it sent one.
    pub idempotency_key: Option<String>,
}

/// A comment that was made, and how many the post has now.
#[derive(Debug, Clone)]
pub struct AddedComment {
    pub view: CommentView,
    /// The post's total of comments.
    pub comment_count: u64,
}

impl Engagement {
    /// Comments on a post. The same idempotency key gives the same comment again.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a text that the rules refuse; [`AppError::NotFound`] where the user may not
    /// see the post; [`AppError::Conflict`] where the key's comment was deleted since.
    pub async fn add_comment(
        &self,
        user_id: UserId,
        post_id: PostId,
        request: CommentRequest,
    ) -> AppResult<AddedComment> {
        let text = text::comment(&request.text)?;
        self.posts.open_post(user_id, post_id).await?;
        let comment_id = self.ids.comment();
        let operation = CounterOperation::AddComment {
            comment_id,
            user_id,
            text: text.clone(),
            idempotency_key: request.idempotency_key,
        };
        let answer = self.count(post_id, user_id, operation).await?;
        let comment = match answer.outcome {
            CounterOutcome::Applied => {
                self.recommendations.log_engagement(user_id, post_id, EngagementKind::Comment);
                Comment { id: comment_id, post_id, author_id: user_id, text }
            }
            CounterOutcome::CommentExists(first) => {
                let deleted = || AppError::Conflict("the comment of this idempotency key was deleted".to_owned());
                self.ledger.comment(first).await?.ok_or_else(deleted)?
            }
            CounterOutcome::NotFound => return Err(AppError::NotFound("post")),
            other => return Err(AppError::Internal(format!("a comment was answered {other:?}"))),
        };
        let author = self.hydrator.users(&[user_id]).await?.remove(&user_id).ok_or(AppError::Unauthenticated)?;
        Ok(AddedComment { view: CommentView { comment, author }, comment_count: answer.totals.comments })
    }
}
