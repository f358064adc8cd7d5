//! Likes and comments (docs/functions.md, section 4). Every change is answered once it is durable, with the
//! post's total.

mod add_comment;
mod comment_view;
mod delete_comment;
mod like_post;
mod list_comments;
mod list_likers;
mod service;
mod unlike_post;

pub use add_comment::{AddedComment, CommentRequest};
pub use comment_view::CommentView;
pub use service::Engagement;

use crate::AppResult;
use std::time::Duration;
use tessera_actors::{Deadline, counter::CounterAnswer, timeline::ChangeLike};
use tessera_domain::{
    PostId, UserId,
    counters::{CounterOperation, CounterOutcome},
};

/// How long a change may wait for its commit. Past it its outcome is unknown: the caller is told `unavailable`
/// and may send it again. A like that had happened after all is then answered as a duplicate.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a like waits for the liker's timeline to take note.
const TIMELINE_TIMEOUT: Duration = Duration::from_millis(300);

impl Engagement {
    /// Has the post's counter make a change.
    ///
    /// # Errors
    /// [`crate::AppError::Overloaded`]: nothing happened. [`crate::AppError::Unavailable`]: it may have.
    async fn count(&self, post_id: PostId, user_id: UserId, operation: CounterOperation) -> AppResult<CounterAnswer> {
        let likes = match operation {
            CounterOperation::Like { .. } => Some(true),
            CounterOperation::Unlike { .. } => Some(false),
            _ => None,
        };
        let answer = self.counters.apply(post_id, user_id, operation, Deadline::after(COUNTER_TIMEOUT)).await;
        let is_refused = answer.as_ref().is_ok_and(|answer| answer.outcome == CounterOutcome::NotFound);
        if likes.is_some() && !is_refused {
            self.tell_timeline(user_id, ChangeLike { post_id, liked: likes.filter(|_| answer.is_ok()) }).await;
        }
        Ok(answer?)
    }

    /// Tells the user's timeline what became of a like. Where it cannot be told it reads its likes anew within minutes.
    async fn tell_timeline(&self, user_id: UserId, change: ChangeLike) {
        if let Err(error) = self.timelines.like_changed(user_id, change, Deadline::after(TIMELINE_TIMEOUT)).await {
            tracing::debug!(user = %user_id, %error, "a timeline was not told of a like");
        }
    }
}
