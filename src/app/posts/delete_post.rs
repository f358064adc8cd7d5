//! Delete a post.

use super::Posts;
use crate::{AppError, AppResult, clock, outdate::outdate_certainly};
use tessera_actors::broadcast::Outdated;
use tessera_domain::{PostId, UserId};
use tessera_ports::ledger::ChangePostOutcome;

impl Posts {
    /// Deletes the author's own post with its likes and comments. No node shows it from the reply
    /// on; the outbox takes it out of timelines, caches and the object store.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none (any more), [`AppError::Forbidden`] for somebody else's,
    /// [`AppError::Unavailable`] where it is deleted and a node may not have heard of it.
    pub async fn delete_post(&self, user_id: UserId, id: PostId) -> AppResult<()> {
        match self.ledger.delete_post(id, user_id, clock::now()).await? {
            ChangePostOutcome::Done(_) => {
                self.hydrator.forget_post(id).await;
                outdate_certainly(&self.invalidation, Outdated::post(id)).await
            }
            ChangePostOutcome::NotFound => {
                // It may be asked again because a node had not heard of it.
                outdate_certainly(&self.invalidation, Outdated::post(id)).await?;
                Err(AppError::NotFound("post"))
            }
            ChangePostOutcome::Forbidden => Err(self.refuse_foreign_post(user_id, id).await),
        }
    }
}
