//! What can be wrong with an upload, in words for the person who uploaded it.

use crate::{ForeignFormat, ImageFormat};

/// The least side of a crop, in pixels of the original.
pub(crate) const MIN_CROP_SIDE: u32 = 8;

const OTHERWISE: &str = "Please upload a JPEG, PNG, WebP, GIF or AVIF.";

/// Why a file could not be turned into pictures.
///
/// `Display` is a sentence for the uploader; [`MediaError::code`] is for machines and never changes.
/// All variants but [`MediaError::EncodingFailed`] are the file's fault: trying again gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// No bytes at all.
    #[error("The file is empty.")]
    Empty,
    /// More bytes than [`crate::Limits::max_bytes`].
    #[error("The file has {actual_bytes} bytes; at most {max_bytes} are allowed.")]
    FileTooLarge {
        /// Size of the file.
        actual_bytes: u64,
        max_bytes: u64,
    },
    /// The declared content type and the content disagree.
    #[error("This file says it is {} but contains {}.", name_of_type(.declared), .actual.with_article())]
    TypeMismatch {
        /// The content type given with the upload.
        declared: String,
        /// What the bytes are.
        actual: ImageFormat,
    },
    /// A known kind of file that is not accepted.
    #[error("This file is {}, which is not supported. {}", .format.name, advice(*.format))]
    UnsupportedFormat { format: ForeignFormat },
    /// Nothing that is recognised.
    #[error("This file is not a picture that we can read. {}", OTHERWISE)]
    UnknownFormat,
    /// An accepted format used in a way that is not supported.
    #[error("This {} uses {feature}, which is not supported.", .format.name())]
    UnsupportedFeature {
        /// The format of the file.
        format: ImageFormat,
        /// The feature, such as "12-bit samples".
        feature: &'static str,
    },
    /// A side is longer than [`crate::Limits::max_dimension`].
    #[error("The picture is {width} x {height} pixels; at most {max_dimension} are allowed on a side.")]
    DimensionsTooLarge {
        /// Width as stored, in pixels.
        width: u32,
        /// Height as stored, in pixels.
        height: u32,
        max_dimension: u32,
    },
    /// More pixels than [`crate::Limits::max_pixels`].
    #[error("The picture has {actual_pixels} pixels; at most {max_pixels} are allowed.")]
    TooManyPixels { actual_pixels: u64, max_pixels: u64 },
    /// More frames than [`crate::Limits::max_frames`].
    #[error("The animation has more than {max_frames} frames.")]
    TooManyFrames { max_frames: u32 },
    /// Opening it would take more memory than [`crate::Limits::max_alloc_bytes`].
    #[error("The picture needs {} MB of memory to open; at most {} MB are allowed.", megabytes(*.needed_bytes), megabytes(*.max_alloc_bytes))]
    NeedsTooMuchMemory {
        /// The estimate from the header.
        needed_bytes: u64,
        max_alloc_bytes: u64,
    },
    /// Colour profile or text beyond [`crate::Limits::max_metadata_bytes`].
    #[error("The picture carries more than {} MB of metadata.", megabytes(*.max_metadata_bytes))]
    MetadataTooLarge { max_metadata_bytes: u64 },
    /// A part to look at that is no part of the picture.
    #[error(
        "The crop must lie inside the picture: x, y, width and height are parts of its sides from 0 to 1, and a side has {MIN_CROP_SIDE} pixels at least."
    )]
    BadCrop,
    /// Damaged, truncated, or crafted to break a decoder.
    #[error("The file is damaged or incomplete and cannot be opened as {}.", .format.with_article())]
    Corrupt {
        /// The format that the content claims.
        format: ImageFormat,
        /// The decoder's words, for the log; not shown to the uploader.
        detail: String,
    },
    /// One of our encoders failed: not the file's fault.
    #[error("The picture could not be converted.")]
    EncodingFailed {
        /// The encoder's words, for the log; not shown to the uploader.
        detail: String,
    },
}

impl MediaError {
    /// A stable, machine-readable name of the variant.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::FileTooLarge { .. } => "file_too_large",
            Self::TypeMismatch { .. } => "type_mismatch",
            Self::UnsupportedFormat { .. } => "unsupported_format",
            Self::UnknownFormat => "unknown_format",
            Self::UnsupportedFeature { .. } => "unsupported_feature",
            Self::DimensionsTooLarge { .. } => "dimensions_too_large",
            Self::TooManyPixels { .. } => "too_many_pixels",
            Self::TooManyFrames { .. } => "too_many_frames",
            Self::NeedsTooMuchMemory { .. } => "needs_too_much_memory",
            Self::MetadataTooLarge { .. } => "metadata_too_large",
            Self::BadCrop => "bad_crop",
            Self::Corrupt { .. } => "corrupt_file",
            Self::EncodingFailed { .. } => "encoding_failed",
        }
    }

    /// Whether another attempt on the same bytes may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::EncodingFailed { .. })
    }

    pub(crate) fn corrupt(format: ImageFormat, detail: impl std::fmt::Display) -> Self {
        Self::Corrupt { format, detail: detail.to_string() }
    }

    pub(crate) fn encoding(detail: impl std::fmt::Display) -> Self {
        Self::EncodingFailed { detail: detail.to_string() }
    }
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}

fn advice(format: ForeignFormat) -> &'static str {
    if format.is_photo { "Please save it as a JPEG and upload that." } else { OTHERWISE }
}

/// "a PNG" for a type that is accepted, the type itself otherwise.
fn name_of_type(declared: &str) -> &str {
    match ImageFormat::from_content_type(declared) {
        Some(format) => format.with_article(),
        None if declared.is_empty() => "of no type",
        None => declared,
    }
}
