//! A large file in parts: which are stored, and where the others go.

use super::{Uploads, create_upload::seconds_left};
use crate::{AppError, AppResult, clock};
use tessera_domain::{
    Timestamp, UploadId, UserId,
    upload::{self, Upload, UploadStatus},
};
use tessera_ports::object_store::{PresignedPut, StoredPart};

/// A file in parts.
#[derive(Debug, Clone)]
pub struct UploadParts {
    /// The size of every part but the last, in bytes.
    pub part_size_bytes: u64,
    /// All parts, by their numbers.
    pub parts: Vec<UploadPart>,
    /// Until when the upload may be completed; its URLs run out earlier and are signed anew on demand.
    pub expires_at: Timestamp,
}

/// One part of a file.
#[derive(Debug, Clone)]
pub struct UploadPart {
    /// Its number, counted from 1.
    pub part_number: u32,
    /// Its exact size in bytes.
    pub size_bytes: u64,
    /// Stored, or still to be sent.
    pub state: PartState,
}

/// Whether a part is there.
#[derive(Debug, Clone)]
pub enum PartState {
    /// It is, with this entity tag.
    Stored(String),
    /// It is not: this is how to send it.
    Missing(PresignedPut),
}

impl Uploads {
    /// The parts of the caller's pending upload, as the object store has them now, with fresh URLs for those that are
    /// missing: all that a client needs to go on.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for anybody else's upload and for one that is too small for parts; [`AppError::Conflict`]
    /// where it is no longer open.
    pub async fn upload_parts(&self, user_id: UserId, id: UploadId) -> AppResult<UploadParts> {
        let found = self.ledger.upload(id).await?.filter(|upload| upload.user_id == user_id);
        let upload = found.ok_or(AppError::NotFound("upload"))?;
        let multipart_id = upload.multipart_id.as_deref().ok_or(AppError::NotFound("upload in parts"))?;
        let closed = || AppError::Conflict("the upload is no longer open".to_owned());
        let now = clock::now();
        if upload.status != UploadStatus::Pending || upload.expires_at.since_ms(now) < 1_000 {
            return Err(closed());
        }
        let stored = self.objects.stored_parts(&upload.object_key, multipart_id).await?.ok_or_else(closed)?;
        self.sign_parts(&upload, multipart_id, stored, now).await
    }

    pub(super) async fn sign_parts(
        &self,
        upload: &Upload,
        multipart_id: &str,
        stored: Vec<StoredPart>,
        now: Timestamp,
    ) -> AppResult<UploadParts> {
        let valid_seconds = seconds_left(upload, now);
        let mut parts = Vec::new();
        for (part_number, size_bytes) in upload::parts(upload.file_size_bytes) {
            let is_it = |part: &&StoredPart| part.part_number == part_number && part.size_bytes == size_bytes;
            let state = match stored.iter().find(is_it) {
                Some(part) => PartState::Stored(part.etag.clone()),
                None => {
                    let key = &upload.object_key;
                    let put =
                        self.objects.presign_part(key, multipart_id, part_number, size_bytes, valid_seconds).await?;
                    PartState::Missing(put)
                }
            };
            parts.push(UploadPart { part_number, size_bytes, state });
        }
        let part_size_bytes = upload::part_size_bytes(upload.file_size_bytes);
        Ok(UploadParts { part_size_bytes, parts, expires_at: upload.expires_at })
    }
}
