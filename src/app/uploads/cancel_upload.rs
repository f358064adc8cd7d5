//! Calls an upload off before it has become a post.

use super::Uploads;
use crate::{AppError, AppResult};
use tessera_domain::{UploadId, UserId, upload::UploadStatus};
use tessera_ports::{clock, ledger::CancelUploadOutcome};

impl Uploads {
    /// Ends an upload that is pending or being processed: its unit of quota comes back, a video that is being converted
    /// is stopped within seconds, and its objects go. Repeating it is harmless.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for anybody else's upload; [`AppError::Conflict`] where it is a post, which can be
    /// deleted.
    pub async fn cancel_upload(&self, user_id: UserId, id: UploadId) -> AppResult<()> {
        match self.ledger.cancel_upload(id, user_id, clock::now()).await? {
            CancelUploadOutcome::Cancelled(upload) => {
                self.abort_parts(&upload).await;
                // A PUT that is still under way may come after this; upkeep deletes the object once more when none can.
                if let Err(error) = self.objects.delete(std::slice::from_ref(&upload.object_key)).await {
                    tracing::warn!(upload_id = %id, %error, "cannot delete the original of a cancelled upload");
                }
                Ok(())
            }
            CancelUploadOutcome::Already(UploadStatus::Completed) => {
                Err(AppError::Conflict("the upload has become a post; delete that".to_owned()))
            }
            CancelUploadOutcome::Already(_) => Ok(()),
            CancelUploadOutcome::NotFound => Err(AppError::NotFound("upload")),
        }
    }
}
