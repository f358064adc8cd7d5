//! A file of a post. Its address holds random bits, so no token is asked for.

use super::{Media, ObjectBody, ObjectInfo};
use crate::{AppError, AppResult};
use std::ops::RangeInclusive;
use tessera_domain::{
    UploadId, UserId,
    media::{MediaFile, file_key},
};

impl Media {
    /// What is known of a file, without its bytes.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where nothing is stored.
    pub async fn media_info(&self, user_id: UserId, upload_id: UploadId, file: MediaFile) -> AppResult<ObjectInfo> {
        let key = file_key(user_id, upload_id, file);
        self.objects.head(&key).await?.ok_or(AppError::NotFound("picture"))
    }

    /// A file's bytes, or an inclusive range of them that lies inside, as a stream.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where nothing is stored.
    pub async fn open_media(
        &self,
        user_id: UserId,
        upload_id: UploadId,
        file: MediaFile,
        range: Option<RangeInclusive<u64>>,
    ) -> AppResult<ObjectBody> {
        let key = file_key(user_id, upload_id, file);
        self.objects.open(&key, range).await?.ok_or(AppError::NotFound("picture"))
    }
}
