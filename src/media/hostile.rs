//! What files are met with that may lie about what they are, or break a decoder.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{ImageFormat, MediaError, sniff, sniff_unsupported};

/// Runs what may meet a hostile file: a panic is the file's fault.
pub(crate) fn guarded<T>(format: ImageFormat, work: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(MediaError::corrupt(format, "the decoder panicked")))
}

/// The format of the content, which must be accepted and be the declared one.
pub(crate) fn check_type(bytes: &[u8], declared_content_type: &str) -> Result<ImageFormat, MediaError> {
    let Some(actual) = sniff(bytes) else {
        return Err(match sniff_unsupported(bytes) {
            Some(format) => MediaError::UnsupportedFormat { format },
            None => MediaError::UnknownFormat,
        });
    };
    if ImageFormat::from_content_type(declared_content_type) != Some(actual) {
        return Err(MediaError::TypeMismatch { declared: declared_content_type.to_owned(), actual });
    }
    Ok(actual)
}
