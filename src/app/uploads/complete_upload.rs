//! The bytes are there: queue the media job (docs/functions.md, section 1).

use super::Uploads;
use crate::{AppError, AppResult, clock};
use tessera_domain::{
    Invalid, UploadId, UserId,
    text::{self, MAX_ALT_TEXT_CHARS, MAX_CAPTION_CHARS},
    upload::{self, Upload, UploadStatus},
};
use tessera_ports::{ledger::CompleteUploadOutcome, object_store::StoredPart};

impl Uploads {
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
        if let Some(multipart_id) = &upload.multipart_id {
            self.finish_parts(&upload, multipart_id).await?;
        }
        self.check_stored(&upload.object_key, upload.file_size_bytes).await?;
        let now = clock::now();
        let most = self.max_queued_jobs;
        match self.ledger.complete_upload(id, user_id, &caption, &alt_text, now, most).await? {
            CompleteUploadOutcome::Queued => Ok(UploadStatus::Processing),
            CompleteUploadOutcome::Already(status) => {
                if status == UploadStatus::Failed {
                    self.delete_late_original(&upload).await;
                }
                Ok(status)
            }
            CompleteUploadOutcome::NotFound => Err(AppError::NotFound("upload")),
            CompleteUploadOutcome::QueueFull => Err(AppError::Overloaded("media jobs")),
        }
    }

    /// Makes the object of the parts that are stored. Harmless to repeat: where the object stands, by an earlier call
    /// whose end nobody heard of or by a PUT of the whole, only left-over parts go.
    async fn finish_parts(&self, upload: &Upload, multipart_id: &str) -> AppResult<()> {
        let key = &upload.object_key;
        if self.objects.head(key).await?.is_some_and(|info| info.size_bytes == upload.file_size_bytes) {
            self.abort_parts(upload).await;
            return Ok(());
        }
        let Some(stored) = self.objects.stored_parts(key, multipart_id).await? else { return Ok(()) };
        let mut parts = Vec::new();
        let mut missing = Vec::new();
        for (part_number, size_bytes) in upload::parts(upload.file_size_bytes) {
            let is_it = |part: &&StoredPart| part.part_number == part_number && part.size_bytes == size_bytes;
            match stored.iter().find(is_it) {
                Some(part) => parts.push(part.clone()),
                None => missing.push(part_number.to_string()),
            }
        }
        if !missing.is_empty() {
            let reason = format!("these parts are not stored yet: {}", missing.join(", "));
            return Err(AppError::TooEarly(Invalid::new("upload_id", reason)));
        }
        // False where another call of this came first: the object is looked at in any case.
        self.objects.finish_multipart(key, multipart_id, &parts).await?;
        Ok(())
    }

    /// Deletes what was put together for an upload that had been swept or called off meanwhile.
    async fn delete_late_original(&self, upload: &Upload) {
        if let Err(error) = self.objects.delete(std::slice::from_ref(&upload.object_key)).await {
            tracing::warn!(upload_id = %upload.id, %error, "cannot delete the original of a failed upload");
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
