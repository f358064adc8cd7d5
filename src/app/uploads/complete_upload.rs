//! The bytes are there: queue the media job (section 1).

use crate::{App, AppError, AppResult};
use tessera_domain::{
    Invalid, UploadId, UserId,
    text::{self, MAX_ALT_TEXT_CHARS, MAX_CAPTION_CHARS},
    upload::UploadStatus,
};
use tessera_ports::ledger::CompleteUploadOutcome;

impl App {
    /// Queues the job that makes a post of an upload. Repeating it is harmless: the first caption stays.
    ///
    /// # Errors
    /// [`AppError::TooEarly`] where nothing is stored yet, [`AppError::Invalid`] where what is stored has
    /// another size, [`AppError::NotFound`] for anybody else's upload, [`AppError::Overloaded`] where too many
    /// jobs wait (nothing changed).
    pub async fn complete_upload(
        &self,
        user_id: UserId,
        id: UploadId,
        caption: &str,
        alt_text: &str,
    ) -> AppResult<UploadStatus> {
        let caption = text::clean("caption", caption, MAX_CAPTION_CHARS)?;
        let alt_text = text::clean("alt_text", alt_text, MAX_ALT_TEXT_CHARS)?;
        let found = self.ledger.upload(id).await?.filter(|upload| upload.user_id == user_id);
        let upload = found.ok_or(AppError::NotFound("upload"))?;
        if upload.status != UploadStatus::Pending {
            return Ok(upload.status);
        }
        self.check_stored(&upload.object_key, upload.file_size_bytes).await?;
        let now = self.now();
        let most = self.settings.max_queued_jobs;
        match self.ledger.complete_upload(id, user_id, &caption, &alt_text, now, most).await? {
            CompleteUploadOutcome::Queued => Ok(UploadStatus::Processing),
            CompleteUploadOutcome::Already(status) => Ok(status),
            CompleteUploadOutcome::NotFound => Err(AppError::NotFound("upload")),
            CompleteUploadOutcome::QueueFull => Err(AppError::Overloaded("media jobs")),
        }
    }

    async fn check_stored(&self, key: &str, expected_bytes: u64) -> AppResult<()> {
        let Some(info) = self.objects.head(key).await? else {
            let reason = "nothing is stored yet: PUT the file to presigned_url first";
            return Err(AppError::TooEarly(Invalid::new("upload_id", reason)));
        };
        if info.size_bytes != expected_bytes {
            let reason = format!("{} bytes are stored where file_size said {expected_bytes}", info.size_bytes);
            return Err(AppError::TooEarly(Invalid::new("file_size", reason)));
        }
        Ok(())
    }
}
