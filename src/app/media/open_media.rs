//! A variant of a post's picture. Its address holds random bits, so no token is asked for.

use super::{ObjectBody, ObjectInfo};
use crate::{App, AppError, AppResult};
use std::ops::RangeInclusive;
use tessera_domain::{
    UploadId, UserId,
    media::{Variant, variant_key},
};

impl App {
    /// What is known of a variant, without its bytes.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where nothing is stored.
    pub async fn media_info(&self, user_id: UserId, upload_id: UploadId, variant: Variant) -> AppResult<ObjectInfo> {
        let key = variant_key(user_id, upload_id, variant);
        self.objects.head(&key).await?.ok_or(AppError::NotFound("picture"))
    }

    /// A variant's bytes, or an inclusive range of them that lies inside, as a stream.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where nothing is stored.
    pub async fn open_media(
        &self,
        user_id: UserId,
        upload_id: UploadId,
        variant: Variant,
        range: Option<RangeInclusive<u64>>,
    ) -> AppResult<ObjectBody> {
        let key = variant_key(user_id, upload_id, variant);
        self.objects.open(&key, range).await?.ok_or(AppError::NotFound("picture"))
    }
}
