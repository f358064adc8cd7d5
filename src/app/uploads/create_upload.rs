//! Opens an upload: `generate_presigned_url` (section 1).

use crate::{App, AppError, AppResult};
use std::time::Duration;
use tessera_domain::{
    Invalid, Timestamp, UploadId, UserId, media, text,
    upload::{self, PRESIGN_SECONDS, Upload, UploadStatus},
};
use tessera_ports::ledger::{CreateUploadOutcome, NewUpload};

const MAX_FILENAME_CHARS: usize = 255;

/// What a client wants to upload.
#[derive(Debug, Clone)]
pub struct UploadRequest {
    /// The client's name for the file; checked, and used for nothing.
    pub filename: String,
    /// Exact size in bytes.
    pub file_size_bytes: u64,
    /// Content type.
    pub content_type: String,
    /// The client's idempotency key, if it sent one.
    pub idempotency_key: Option<String>,
}

/// An open upload and how to send its bytes.
#[derive(Debug, Clone)]
pub struct CreatedUpload {
    /// Which.
    pub upload_id: UploadId,
    /// Where the original will lie.
    pub object_key: String,
    /// Where to PUT the bytes.
    pub presigned_url: String,
    /// Headers that must be sent as they are.
    pub headers: Vec<(String, String)>,
    /// When the URL runs out.
    pub expires_at: Timestamp,
}

impl App {
    /// Takes one upload from the caller's daily quota and signs a URL for exactly this size and type.
    ///
    /// The same idempotency key gives the same upload again, signed anew for what is left of its time.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a size or type that is not taken; [`AppError::QuotaExceeded`] until the next
    /// midnight UTC; [`AppError::Conflict`] where the key's upload is no longer pending.
    pub async fn create_upload(&self, user_id: UserId, request: UploadRequest) -> AppResult<CreatedUpload> {
        let UploadRequest { filename, file_size_bytes, content_type, idempotency_key } = request;
        if text::clean("filename", &filename, MAX_FILENAME_CHARS)?.is_empty() {
            return Err(Invalid::new("filename", "must not be empty").into());
        }
        let content_type = content_type.trim().to_ascii_lowercase();
        let max_bytes = self.max_bytes(&content_type)?;
        let extension = upload::check_request(&content_type, file_size_bytes, max_bytes)?;
        let (id, now) = (self.ids.upload(), self.now());
        let upload = Upload {
            id,
            user_id,
            object_key: media::original_key(user_id, id, now.0, extension),
            content_type,
            file_size_bytes,
            status: UploadStatus::Pending,
            caption: String::new(),
            alt_text: String::new(),
            error: None,
            post_id: None,
            created_at: now,
            expires_at: now.plus_ms(PRESIGN_SECONDS as i64 * 1_000),
        };
        // Signed before the quota is taken: signing is local, and its failure must cost nothing.
        let signed = self.sign(&upload, now).await?;
        let new = NewUpload { upload: upload.clone(), idempotency_key, daily_quota: self.settings.daily_upload_quota };
        match self.ledger.create_upload(new).await? {
            CreateUploadOutcome::Created => Ok(signed),
            CreateUploadOutcome::Existing(first) => self.sign_again(&upload, *first, now).await,
            CreateUploadOutcome::QuotaExceeded => {
                let wait_ms = now.next_utc_midnight().since_ms(now).max(0) as u64;
                Err(AppError::QuotaExceeded { retry_after: Duration::from_millis(wait_ms) })
            }
        }
    }

    /// How large an upload of this type may be, where any is taken.
    fn max_bytes(&self, content_type: &str) -> AppResult<u64> {
        if !media::is_video(content_type) {
            return Ok(self.settings.upload_max_bytes);
        }
        self.settings.video_max_bytes.ok_or_else(|| {
            Invalid::new("content_type", "videos are not taken: this server has no ffmpeg to convert them").into()
        })
    }

    async fn sign_again(&self, asked: &Upload, first: Upload, now: Timestamp) -> AppResult<CreatedUpload> {
        if (first.file_size_bytes, &first.content_type) != (asked.file_size_bytes, &asked.content_type) {
            return Err(Invalid::new("idempotency_key", "was used for another request").into());
        }
        if first.status != UploadStatus::Pending || first.expires_at.since_ms(now) < 1_000 {
            return Err(AppError::Conflict("the upload of this idempotency key is no longer open".to_owned()));
        }
        self.sign(&first, now).await
    }

    async fn sign(&self, upload: &Upload, now: Timestamp) -> AppResult<CreatedUpload> {
        let valid_seconds = (upload.expires_at.since_ms(now) / 1_000).max(1) as u64;
        let put = self
            .objects
            .presign_put(&upload.object_key, &upload.content_type, upload.file_size_bytes, valid_seconds)
            .await?;
        Ok(CreatedUpload {
            upload_id: upload.id,
            object_key: upload.object_key.clone(),
            presigned_url: put.url,
            headers: put.headers,
            expires_at: put.expires_at,
        })
    }
}
