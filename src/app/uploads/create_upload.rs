//! Opens an upload: `generate_presigned_url` (docs/functions.md, section 1).

use super::{Uploads, upload_parts::UploadParts};
use crate::{AppError, AppResult, clock};
use std::time::Duration;
use tessera_domain::{
    Invalid, Timestamp, UploadId, UserId, media, text,
    upload::{self, MULTIPART_OVER_BYTES, MULTIPART_SECONDS, PRESIGN_SECONDS, Upload, UploadStatus},
};
use tessera_ports::{
    Determinacy,
    ledger::{CreateUploadOutcome, NewUpload},
};

const MAX_FILENAME_CHARS: usize = 255;
/// How many uploads of one user may be open at a time, where limits hold.
const MAX_PENDING_UPLOADS: u32 = 100;

/// What a client wants to upload.
#[derive(Debug, Clone)]
pub struct UploadRequest {
    /// The client's name for the file; checked, and used for nothing.
    pub filename: String,
    /// Exact size in bytes.
    pub file_size_bytes: u64,
    pub content_type: String,
    /// The SHA-256 of the file in base64, if the client tells it: other bytes are refused.
    pub checksum_sha256: Option<String>,
    /// The client's idempotency key, if it sent one.
    pub idempotency_key: Option<String>,
}

/// An open upload and how to send its bytes.
#[derive(Debug, Clone)]
pub struct CreatedUpload {
    pub upload_id: UploadId,
    /// Where the original will lie.
    pub object_key: String,
    /// Where to PUT the bytes.
    pub presigned_url: String,
    /// Headers that must be sent as they are.
    pub headers: Vec<(String, String)>,
    /// When the URL runs out.
    pub expires_at: Timestamp,
    /// How to send a large file in parts instead.
    pub multipart: Option<UploadParts>,
}

impl Uploads {
    /// Takes one upload from the caller's daily quota and signs a URL for exactly this size and type.
    ///
    /// The same idempotency key gives the same upload again, signed anew for what is left of its time.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a size or type that is not taken; [`AppError::QuotaExceeded`] until the next
    /// midnight UTC; [`AppError::Conflict`] where the key's upload is no longer pending.
    pub async fn create_upload(&self, user_id: UserId, request: UploadRequest) -> AppResult<CreatedUpload> {
        let UploadRequest { filename, file_size_bytes, content_type, checksum_sha256, idempotency_key } = request;
        if text::clean("filename", &filename, MAX_FILENAME_CHARS)?.is_empty() {
            return Err(Invalid::new("filename", "must not be empty").into());
        }
        let content_type = content_type.trim().to_ascii_lowercase();
        let max_bytes = self.max_bytes(&content_type)?;
        let extension = upload::check_request(&content_type, file_size_bytes, max_bytes)?;
        if let Some(checksum) = &checksum_sha256 {
            upload::check_sha256(checksum)?;
        }
        let (id, now) = (self.ids.upload(), clock::now());
        let is_large = file_size_bytes > MULTIPART_OVER_BYTES;
        let valid_seconds = if is_large { MULTIPART_SECONDS } else { PRESIGN_SECONDS };
        let mut upload = Upload {
            id,
            user_id,
            object_key: media::original_key(user_id, id, now.0, extension),
            content_type,
            file_size_bytes,
            checksum_sha256,
            multipart_id: None,
            status: UploadStatus::Pending,
            caption: String::new(),
            alt_text: String::new(),
            error: None,
            post_id: None,
            created_at: now,
            expires_at: now.plus_ms(valid_seconds as i64 * 1_000),
        };
        if is_large {
            // Before the ledger knows of it: what is left behind here is thrown away as an old one by upkeep.
            upload.multipart_id = Some(self.objects.begin_multipart(&upload.object_key, &upload.content_type).await?);
        }
        self.open_upload(&upload, idempotency_key, now).await
    }

    /// Whether this node can convert videos; where not, it opens no uploads of any.
    pub fn takes_videos(&self) -> bool {
        self.video_max_bytes.is_some()
    }

    /// The largest picture that is taken, in bytes.
    pub fn max_picture_bytes(&self) -> u64 {
        self.upload_max_bytes
    }

    async fn open_upload(
        &self,
        upload: &Upload,
        idempotency_key: Option<String>,
        now: Timestamp,
    ) -> AppResult<CreatedUpload> {
        // Signed before the quota is taken: signing is local, and its failure must cost nothing.
        let signed = self.sign(upload, now).await?;
        let daily_quota = self.daily_upload_quota;
        let max_pending = daily_quota.map(|_| MAX_PENDING_UPLOADS);
        let new = NewUpload { upload: upload.clone(), idempotency_key, daily_quota, max_pending };
        let outcome = self.ledger.create_upload(new).await;
        let may_be_open = match &outcome {
            Ok(outcome) => *outcome == CreateUploadOutcome::Created,
            // Then the client's next try is given this very upload, and needs its parts.
            Err(error) => error.determinacy() == Determinacy::Unknown,
        };
        if !may_be_open {
            self.abort_parts(upload).await;
        }
        match outcome? {
            CreateUploadOutcome::Created => Ok(signed),
            CreateUploadOutcome::Existing(first) => self.sign_again(upload, *first, now).await,
            CreateUploadOutcome::QuotaExceeded => {
                let wait_ms = now.next_utc_midnight().since_ms(now).max(0) as u64;
                Err(AppError::QuotaExceeded { retry_after: Duration::from_millis(wait_ms) })
            }
            CreateUploadOutcome::TooManyPending => Err(AppError::TooManyPendingUploads),
        }
    }

    /// Throws the parts of an upload away, where it has any. What cannot be reached now is swept later.
    pub(super) async fn abort_parts(&self, upload: &Upload) {
        let Some(multipart_id) = &upload.multipart_id else { return };
        if let Err(error) = self.objects.abort_multipart(&upload.object_key, multipart_id).await {
            tracing::warn!(upload_id = %upload.id, %error, "cannot throw the parts of an upload away");
        }
    }

    /// How large an upload of this type may be, where any is taken.
    fn max_bytes(&self, content_type: &str) -> AppResult<u64> {
        if !media::is_video(content_type) {
            return Ok(self.upload_max_bytes);
        }
        self.video_max_bytes.ok_or_else(|| {
            Invalid::new("content_type", "videos are not taken: this server has no ffmpeg to convert them").into()
        })
    }

    async fn sign_again(&self, asked: &Upload, first: Upload, now: Timestamp) -> AppResult<CreatedUpload> {
        if (first.file_size_bytes, &first.content_type, &first.checksum_sha256)
            != (asked.file_size_bytes, &asked.content_type, &asked.checksum_sha256)
        {
            return Err(Invalid::new("idempotency_key", "was used for another request").into());
        }
        if first.status != UploadStatus::Pending || first.expires_at.since_ms(now) < 1_000 {
            return Err(AppError::Conflict("the upload of this idempotency key is no longer open".to_owned()));
        }
        self.sign(&first, now).await
    }

    async fn sign(&self, upload: &Upload, now: Timestamp) -> AppResult<CreatedUpload> {
        let valid_seconds = seconds_left(upload, now);
        let (key, content_type, size) = (&upload.object_key, &upload.content_type, upload.file_size_bytes);
        let put = match &upload.checksum_sha256 {
            None => self.objects.presign_put(key, content_type, size, valid_seconds).await?,
            Some(checksum) => {
                self.objects.presign_checked_put(key, content_type, size, checksum, valid_seconds).await?
            }
        };
        let multipart = match &upload.multipart_id {
            None => None,
            Some(multipart_id) => Some(self.sign_parts(upload, multipart_id, Vec::new(), now).await?),
        };
        Ok(CreatedUpload {
            upload_id: upload.id,
            object_key: upload.object_key.clone(),
            presigned_url: put.url,
            headers: put.headers,
            expires_at: put.expires_at,
            multipart,
        })
    }
}

/// How long a URL that is signed now may be valid, in seconds.
pub(super) fn seconds_left(upload: &Upload, now: Timestamp) -> u64 {
    ((upload.expires_at.since_ms(now) / 1_000).max(1) as u64).min(PRESIGN_SECONDS)
}
