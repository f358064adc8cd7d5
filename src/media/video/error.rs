//! What can be wrong with a video, in words for the person who uploaded it.

use super::VideoFormat;
use std::time::Duration;

/// Why a file could not be turned into a video that is served.
///
/// `Display` is a sentence for the uploader; [`VideoError::code`] is for machines and never changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// No bytes at all.
    #[error("The file is empty.")]
    Empty,
    /// More bytes than allowed.
    #[error("The file has {actual_bytes} bytes; at most {max_bytes} are allowed.")]
    FileTooLarge {
        /// Size of the file.
        actual_bytes: u64,
        max_bytes: u64,
    },
    /// Nothing that is recognised as a video.
    #[error("This file is not a video that we can read. Please upload an MP4, QuickTime or WebM.")]
    UnknownFormat,
    /// The declared content type and the content disagree.
    #[error("This file says it is {declared} but contains {}.", .actual.with_article())]
    TypeMismatch {
        /// The content type given with the upload.
        declared: String,
        /// What the bytes are.
        actual: VideoFormat,
    },
    #[error("The video is {} seconds long; at most {} are allowed.", .actual.as_secs_f64().ceil(), .most.as_secs())]
    TooLong {
        /// How long it is.
        actual: Duration,
        most: Duration,
    },
    /// Larger frames than allowed.
    #[error(
        "The video is {width} x {height} pixels; at most {max_side} on a side and {max_pixels} in all are allowed."
    )]
    TooLarge {
        width: u32,
        height: u32,
        /// The limit of a side.
        max_side: u32,
        /// The limit of a frame.
        max_pixels: u64,
    },
    /// Against a rule: what the video does, as the rest of a sentence.
    #[error("The video {0}.")]
    Unsuitable(String),
    /// A codec that is not taken.
    #[error("The video uses {codec}, which is not supported. H.264, HEVC, VP9 and AV1 are.")]
    UnsupportedCodec { codec: String },
    /// Damaged, truncated, or crafted to break a decoder.
    #[error("The video is damaged or incomplete and cannot be played.")]
    Corrupt {
        /// The tool's words, for the log; not shown to the uploader.
        detail: String,
    },
    /// More processor time than allowed, or larger results.
    #[error("The video takes too long to convert.")]
    TooSlow,
    /// Not enough time or memory was to be had: it may be the file that takes too much, or the machine's other work.
    #[error("The video could not be converted.")]
    Starved {
        /// What was missing, for the log; not shown to the uploader.
        detail: String,
    },
    /// The caller called it off.
    #[error("The upload was cancelled.")]
    Cancelled,
    /// The machine's fault, not the file's.
    #[error("The video could not be converted.")]
    Failed {
        /// What went wrong, for the log; not shown to the uploader.
        detail: String,
    },
}

impl VideoError {
    /// A stable, machine-readable name of the variant.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty_file",
            Self::FileTooLarge { .. } => "file_too_large",
            Self::UnknownFormat => "unknown_format",
            Self::TypeMismatch { .. } => "type_mismatch",
            Self::TooLong { .. } => "video_too_long",
            Self::TooLarge { .. } => "dimensions_too_large",
            Self::Unsuitable(_) => "unsuitable_video",
            Self::UnsupportedCodec { .. } => "unsupported_codec",
            Self::Corrupt { .. } => "corrupt_file",
            Self::TooSlow => "too_slow",
            Self::Starved { .. } => "starved",
            Self::Cancelled => "cancelled",
            Self::Failed { .. } => "conversion_failed",
        }
    }

    /// Whether another attempt on the same bytes may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Starved { .. } | Self::Cancelled)
    }

    /// A container without a length, as browsers record them.
    pub(super) fn unknown_length() -> Self {
        Self::Unsuitable("does not say how long it is".to_owned())
    }

    pub(super) fn machine(error: std::io::Error) -> Self {
        Self::Failed { detail: error.to_string() }
    }

    pub(super) fn starved(detail: impl Into<String>) -> Self {
        Self::Starved { detail: detail.into() }
    }

    pub(super) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { detail: detail.into() }
    }
}
