//! Posts that look like a picture of the caller's.

use super::{SimilarPage, VisualSearch};
use crate::{AppError, AppResult};
use bytes::Bytes;
use tessera_actors::visual_search::{Crop, Embedder, MediaError, QueryPictureError, QueryPlace};
use tessera_domain::{Invalid, UserId, media};

/// A picture to search with.
#[derive(Debug, Clone)]
pub struct QueryPicture {
    pub bytes: Bytes,
    /// What it says it is.
    pub content_type: String,
    /// The part of it to search with; `None`: all of it.
    pub crop: Option<Crop>,
}

impl VisualSearch {
    /// Checks what a picture says it is, and takes a place for it. To be done before its bytes are read.
    ///
    /// # Errors
    /// [`AppError::UnsupportedPicture`] for a type that uploads do not take either; [`AppError::Overloaded`] where too
    /// many pictures are being looked at.
    pub fn admit_picture(&self, content_type: &str) -> AppResult<QueryPlace> {
        let content_type = content_type.trim().to_ascii_lowercase();
        let images =
            media::ALLOWED_CONTENT_TYPES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("image/"));
        let images: Vec<&str> = images.collect();
        if !images.contains(&content_type.as_str()) {
            return Err(AppError::UnsupportedPicture { taken: images.join(", ") });
        }
        self.embedder()?.place().map_err(refusal)
    }

    /// Posts that look like the picture, by likeness and engagement: the nearest ones, at most `limit`. The picture is
    /// not kept.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a file that is no picture or a crop that is no part of it, [`AppError::Unavailable`]
    /// where the index does not answer.
    pub async fn search_by_picture(
        &self,
        viewer: UserId,
        place: QueryPlace,
        picture: QueryPicture,
        limit: usize,
    ) -> AppResult<SimilarPage> {
        let QueryPicture { bytes, content_type, crop } = picture;
        let content_type = content_type.trim().to_ascii_lowercase();
        let embedding = self.embedder()?.embed_bytes(place, bytes, content_type, crop).await.map_err(refusal)?;
        let candidates = self.look_alikes(viewer, vec![embedding], None).await?;
        Ok(SimilarPage { next: None, ..candidates.page(0, limit) })
    }

    fn embedder(&self) -> AppResult<&Embedder> {
        self.embedder.as_ref().ok_or(AppError::NotFound("search by picture: it is switched off here"))
    }
}

fn refusal(error: QueryPictureError) -> AppError {
    match error {
        QueryPictureError::Busy => AppError::Overloaded("visual search"),
        QueryPictureError::TimedOut => AppError::Unavailable(error.to_string()),
        QueryPictureError::Picture(MediaError::FileTooLarge { max_bytes, .. }) => {
            AppError::PictureTooLarge { max_bytes }
        }
        QueryPictureError::Picture(MediaError::EncodingFailed { .. }) => AppError::Internal(error.to_string()),
        QueryPictureError::Picture(MediaError::BadCrop) => Invalid::new("crop", error.to_string()).into(),
        QueryPictureError::Picture(_) => Invalid::new("body", error.to_string()).into(),
        QueryPictureError::Model(tessera_ports::EmbeddingError::Unsuitable(_)) => {
            Invalid::new("body", error.to_string()).into()
        }
        QueryPictureError::Model(tessera_ports::EmbeddingError::Failed(_)) => AppError::Internal(error.to_string()),
    }
}
