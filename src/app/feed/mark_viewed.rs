//! Posts that were on screen.

use super::Feeds;
use crate::AppResult;
use std::time::Duration;
use tessera_actors::Deadline;
use tessera_domain::{Invalid, PostId, UserId};

/// Posts that are marked at once.
pub const MAX_VIEWED: usize = 100;

/// How long the timeline may take, its loading included.
const TIMELINE_TIMEOUT: Duration = Duration::from_secs(3);

impl Feeds {
    /// Marks posts that the reader had on screen as seen: feeds opened later leave them out. Repeating it is harmless;
    /// posts that do not exist are marked in vain.
    ///
    /// # Errors
    /// [`crate::AppError::Invalid`] for none or more than [`MAX_VIEWED`]; [`crate::AppError::Unavailable`] where the
    /// reader's timeline does not answer.
    pub async fn mark_viewed(&self, user_id: UserId, post_ids: Vec<PostId>) -> AppResult<()> {
        if post_ids.is_empty() || post_ids.len() > MAX_VIEWED {
            return Err(Invalid::new("post_ids", format!("must name 1 to {MAX_VIEWED} posts")).into());
        }
        self.timelines.viewed(user_id, post_ids.clone(), Deadline::after(TIMELINE_TIMEOUT)).await?;
        self.recommendation_memory.was_shown(user_id, post_ids).await;
        Ok(())
    }
}
