//! An upload's life: pending → processing → completed or failed (or expired unused).

use crate::{Invalid, PostId, Timestamp, UploadId, UserId, media};
use serde::{Deserialize, Serialize};

/// How long a presigned URL is valid, in seconds (section 1 of the pseudocode).
pub const PRESIGN_SECONDS: u64 = 900;
/// An upload whose URL ran out this long ago and that was never completed is swept.
pub const SWEEP_GRACE_MS: i64 = 15 * 60 * 1_000;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadStatus {
    /// The URL was given out; nothing was completed yet.
    Pending,
    /// `complete` was called; a media job is queued or under way.
    Processing,
    /// The post exists.
    Completed,
    /// Processing gave up, or the URL ran out unused; the reason is stored and the quota was given back.
    Failed,
}

impl UploadStatus {
    /// The word that the API and the ledger use.
    pub fn as_str(self) -> &'static str {
        match self {
            UploadStatus::Pending => "pending",
            UploadStatus::Processing => "processing",
            UploadStatus::Completed => "completed",
            UploadStatus::Failed => "failed",
        }
    }

    /// The status that a stored word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Processing, Self::Completed, Self::Failed].into_iter().find(|s| s.as_str() == word)
    }
}

/// An upload as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Which.
    pub id: UploadId,
    /// Whose.
    pub user_id: UserId,
    /// Where the original lies.
    pub object_key: String,
    /// The signed content type.
    pub content_type: String,
    /// The signed size in bytes.
    pub file_size_bytes: u64,
    /// Where it stands.
    pub status: UploadStatus,
    /// Caption for the post, given at completion.
    pub caption: String,
    /// Alternative text for the post, given at completion.
    pub alt_text: String,
    /// Why it failed, in words for the user.
    pub error: Option<String>,
    /// The post, once completed.
    pub post_id: Option<PostId>,
    /// When the URL was given out.
    pub created_at: Timestamp,
    /// When the URL runs out.
    pub expires_at: Timestamp,
}

/// Checks what a client asks to upload and gives the extension of its object.
pub fn check_request(content_type: &str, file_size_bytes: u64, max_bytes: u64) -> Result<&'static str, Invalid> {
    if file_size_bytes == 0 {
        return Err(Invalid::new("file_size", "must be at least 1 byte"));
    }
    if file_size_bytes > max_bytes {
        return Err(Invalid::new("file_size", format!("must be at most {max_bytes} bytes")));
    }
    media::extension_for(content_type).ok_or_else(|| {
        let allowed: Vec<_> = media::ALLOWED_CONTENT_TYPES.iter().map(|(name, _)| *name).collect();
        let advice = match content_type {
            "image/heic" | "image/heif" | "image/tiff" | "image/bmp" => "; save the picture as a JPEG",
            _ => "",
        };
        Invalid::new("content_type", format!("must be one of {}{advice}", allowed.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::check_request;

    #[test]
    fn a_type_that_is_refused_is_told_what_to_do() {
        assert_eq!(check_request("image/avif", 1, 10), Ok("avif"));
        let all = "must be one of image/jpeg, image/png, image/webp, image/gif, image/avif, video/mp4, video/quicktime, video/webm";
        for (content_type, advice) in [("image/heic", "; save the picture as a JPEG"), ("image/svg+xml", "")] {
            let refusal = check_request(content_type, 1, 10).unwrap_err();
            assert_eq!(refusal.reason, format!("{all}{advice}"));
        }
    }
}
