//! Kinds of media, their variants and where the objects lie.

use crate::{UploadId, UserId};
use serde::{Deserialize, Serialize};

/// What a post shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A still picture (of an animation: its first frame).
    Image,
    /// A film with a poster frame.
    Video,
}

/// Content types that an upload may declare, with the extension its object gets.
///
/// The extension never comes from the client's file name (reading notes, section 1).
pub const ALLOWED_CONTENT_TYPES: &[(&str, &str)] = &[
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/webp", "webp"),
    ("image/gif", "gif"),
    ("image/avif", "avif"),
];

/// The extension for an allowed content type.
pub fn extension_for(content_type: &str) -> Option<&'static str> {
    ALLOWED_CONTENT_TYPES.iter().find(|(allowed, _)| *allowed == content_type).map(|(_, extension)| *extension)
}

/// One rendition of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// JPEG inside 1080 x 1080.
    Large,
    /// JPEG inside 640 x 640.
    Medium,
    /// JPEG, 150 x 150, cropped to cover.
    Thumbnail,
    /// AVIF inside 640 x 640.
    Avif,
    /// WebP inside 640 x 640.
    Webp,
}

impl Variant {
    /// Every variant of a picture.
    pub const ALL: [Variant; 5] = [Variant::Large, Variant::Medium, Variant::Thumbnail, Variant::Avif, Variant::Webp];

    /// The last part of the object's key.
    pub fn file_name(self) -> &'static str {
        match self {
            Variant::Large => "large.jpg",
            Variant::Medium => "medium.jpg",
            Variant::Thumbnail => "thumbnail.jpg",
            Variant::Avif => "medium.avif",
            Variant::Webp => "medium.webp",
        }
    }

    /// The variant that a file name means.
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.file_name() == name)
    }

    /// The content type of the variant.
    pub fn content_type(self) -> &'static str {
        match self {
            Variant::Large | Variant::Medium | Variant::Thumbnail => "image/jpeg",
            Variant::Avif => "image/avif",
            Variant::Webp => "image/webp",
        }
    }
}

/// The key of an uploaded original: `uploads/{user}/{unix ms}/{upload}.{extension}`. It stays private.
pub fn original_key(user_id: UserId, upload_id: UploadId, created_at_ms: i64, extension: &str) -> String {
    format!("uploads/{user_id}/{created_at_ms}/{upload_id}.{extension}")
}

/// The key of a variant: `media/{user}/{upload}/{file name}`.
pub fn variant_key(user_id: UserId, upload_id: UploadId, variant: Variant) -> String {
    format!("media/{user_id}/{upload_id}/{}", variant.file_name())
}

/// What a post's media is: everything needed to show it and to delete it, and no URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRecord {
    /// Picture or film.
    pub kind: MediaKind,
    /// The upload it was made from; with the author it gives the keys of all variants.
    pub upload_id: UploadId,
    /// Placeholder to show while loading (blurha.sh), never a URL.
    pub blurhash: String,
    /// Width of the large variant, in pixels.
    pub width: u32,
    /// Height of the large variant, in pixels.
    pub height: u32,
}
