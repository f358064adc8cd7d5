//! An upload's life: pending → processing → completed or failed (or expired unused).

use crate::{Invalid, PostId, Timestamp, UploadId, UserId, media, time::DAY_MS};
use serde::{Deserialize, Serialize};

/// How long a presigned URL is valid, in seconds (docs/functions.md, section 1).
pub const PRESIGN_SECONDS: u64 = 900;
/// An upload whose URL ran out this long ago and that was never completed is swept.
pub const SWEEP_GRACE_MS: i64 = 15 * 60 * 1_000;
/// The original of a job that was given up is kept so long, in which an operator can have it tried again.
pub const GIVEN_UP_KEPT_MS: i64 = 30 * DAY_MS;

/// Files larger than this are better sent in parts (S3's multipart upload).
pub const MULTIPART_OVER_BYTES: u64 = 16 << 20;
/// How long an upload in parts may take, in seconds; its URLs are signed anew meanwhile.
pub const MULTIPART_SECONDS: u64 = 24 * 60 * 60;
/// The most parts of an upload, so that one reply names them all.
pub const MAX_PARTS: u64 = 100;
/// The smallest size of a part that is not the last; S3 demands 5 MiB.
const MIN_PART_BYTES: u64 = 8 << 20;
const MIB: u64 = 1 << 20;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadStatus {
    /// The URL was given out; nothing was completed yet.
    Pending,
    /// `complete` was called; a media job is queued or under way.
    Processing,
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
    pub id: UploadId,
    pub user_id: UserId,
    /// Where the original lies.
    pub object_key: String,
    /// The signed content type.
    pub content_type: String,
    /// The signed size in bytes.
    pub file_size_bytes: u64,
    /// The SHA-256 of the file in base64, where the client told it.
    pub checksum_sha256: Option<String>,
    /// The object store's name of the multipart upload, where the file may come in parts.
    pub multipart_id: Option<String>,
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

/// The size of every part but the last of a file, in bytes: whole MiB, and never more than [`MAX_PARTS`] of them.
pub fn part_size_bytes(file_size_bytes: u64) -> u64 {
    file_size_bytes.div_ceil(MAX_PARTS).div_ceil(MIB).saturating_mul(MIB).max(MIN_PART_BYTES)
}

/// The parts of a file: their numbers, counted from 1, with their sizes in bytes.
pub fn parts(file_size_bytes: u64) -> impl Iterator<Item = (u32, u64)> {
    let size = part_size_bytes(file_size_bytes);
    let count = file_size_bytes.div_ceil(size);
    (0..count).map(move |index| (index as u32 + 1, size.min(file_size_bytes - index * size)))
}

/// Checks that a text is the one way to write 32 bytes in base64 (RFC 4648, section 4).
///
/// # Errors
/// [`Invalid`] of the field `checksum_sha256`.
pub fn check_sha256(text: &str) -> Result<(), Invalid> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let bytes = text.as_bytes();
    // 256 bits are 42 digits and 4 bits: the last digit's other two bits are zero, as in every fourth digit.
    let is_last = |byte: u8| b"AEIMQUYcgkosw048".contains(&byte);
    let is_sha256 = bytes.len() == 44 && bytes[..43].iter().all(is_digit) && is_last(bytes[42]) && bytes[43] == b'=';
    if is_sha256 { Ok(()) } else { Err(Invalid::new("checksum_sha256", "must be a SHA-256 in base64, 44 characters")) }
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

    use super::{MAX_PARTS, check_request, check_sha256, part_size_bytes, parts};

    #[test]
    fn parts_cover_a_file_exactly() {
        for size in [1, (8 << 20) - 1, 8 << 20, (16 << 20) + 1, 536_870_912, (5 << 40) + 7] {
            let parts: Vec<_> = parts(size).collect();
            assert_eq!(parts.iter().map(|(_, bytes)| bytes).sum::<u64>(), size);
            assert!(parts.len() as u64 <= MAX_PARTS && parts.iter().map(|(n, _)| *n).eq(1..=parts.len() as u32));
            assert!(parts[..parts.len() - 1].iter().all(|(_, bytes)| *bytes == part_size_bytes(size)));
        }
    }

    #[test]
    fn a_checksum_is_32_bytes_in_one_spelling() {
        assert_eq!(check_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), Ok(()));
        for wrong in ["", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
        {
            assert!(check_sha256(wrong).is_err(), "{wrong}");
        }
    }

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
