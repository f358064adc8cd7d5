//! How an upload stands.

use super::Uploads;
use crate::{AppError, AppResult, outdate::outdate_newest_posts};
use tessera_domain::{PostId, UploadId, UserId, upload::UploadStatus};

/// An upload as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadView {
    pub status: UploadStatus,
    /// How far, in percent.
    pub progress_percent: u8,
    /// The post, once completed.
    pub post_id: Option<PostId>,
    pub error: Option<String>,
}

impl Uploads {
    /// How the caller's upload stands. Progress comes from the hot store and is missing without harm.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown upload and for anybody else's.
    pub async fn get_upload(&self, user_id: UserId, id: UploadId) -> AppResult<UploadView> {
        let found = self.ledger.upload(id).await?.filter(|upload| upload.user_id == user_id);
        let upload = found.ok_or(AppError::NotFound("upload"))?;
        if upload.status == UploadStatus::Completed {
            // Who is told that the post is there finds it in the next feed, also before the outbox has delivered it.
            outdate_newest_posts(&self.invalidation, user_id).await;
        }
        let progress_percent = match upload.status {
            UploadStatus::Pending | UploadStatus::Failed => 0,
            UploadStatus::Completed => 100,
            UploadStatus::Processing => self.hot.progress(id).await.ok().flatten().unwrap_or(0).min(99),
        };
        Ok(UploadView { status: upload.status, progress_percent, post_id: upload.post_id, error: upload.error })
    }
}
