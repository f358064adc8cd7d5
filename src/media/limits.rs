//! What an upload may cost, checked on the header before any pixel is decoded.

use crate::MediaError;

/// Bounds on one picture. All are checked before decoding, from the bytes' length and the file's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes. Default 64 MiB.
    pub max_bytes: u64,
    /// Width times height of the canvas. Default 100 million.
    pub max_pixels: u64,
    /// Either side in pixels. Default 16,384.
    pub max_dimension: u32,
    /// Frames of an animation; only the first is decoded. Default 2,000.
    pub max_frames: u32,
    /// Memory that decoding may take, in bytes, estimated from the header: the pixels at their stored depth, their
    /// 8-bit copy where one is needed, and a decoder's own planes (a progressive JPEG keeps its coefficients). What
    /// follows the decoder works on at most 1080x1080 pixels. The process grows by this and 64 MiB at most while it
    /// works on one file, whatever the file; the tests measure it. Default 512 MiB.
    pub max_alloc_bytes: u64,
    /// Colour profile and, in a PNG, EXIF and text with it, in bytes after inflation. Default 8 MiB.
    pub max_metadata_bytes: u64,
    /// Scans of a progressive JPEG: each may cost a pass over the whole picture. Default 100.
    pub max_jpeg_scans: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            max_pixels: 100_000_000,
            max_dimension: 16_384,
            max_frames: 2_000,
            max_alloc_bytes: 512 * 1024 * 1024,
            max_metadata_bytes: 8 * 1024 * 1024,
            max_jpeg_scans: 100,
        }
    }
}

impl Limits {
    pub(crate) fn check_length(&self, bytes: &[u8]) -> Result<(), MediaError> {
        let actual_bytes = bytes.len() as u64;
        match actual_bytes {
            0 => Err(MediaError::Empty),
            _ if actual_bytes > self.max_bytes => {
                Err(MediaError::FileTooLarge { actual_bytes, max_bytes: self.max_bytes })
            }
            _ => Ok(()),
        }
    }
}
