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
use tessera_actors::{Deadline, counter::CounterAnswer};
use tessera_domain::{PostId, UserId, counters::CounterOperation};

/// How long a change may wait for its commit. Past it its outcome is unknown: the caller is told `unavailable`
/// and may send it again. A like that had happened after all is then answered as a duplicate.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(5);

impl Engagement {
    /// Has the post's counter make a change.
    ///
    /// # Errors
    /// [`crate::AppError::Overloaded`]: nothing happened. [`crate::AppError::Unavailable`]: it may have.
    async fn count(&self, post_id: PostId, user_id: UserId, operation: CounterOperation) -> AppResult<CounterAnswer> {
        Ok(self.counters.apply(post_id, user_id, operation, Deadline::after(COUNTER_TIMEOUT)).await?)
    }
}
