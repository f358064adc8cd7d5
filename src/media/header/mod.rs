//! What a picture's headers say: read in one pass over the container's segments, without decoding a pixel.
//!
//! Every walker is bounded by the length of the file, since each step consumes at least one byte, and allocates nothing
//! but a colour profile, within [`Limits::max_metadata_bytes`], and the AV1 data of an AVIF, within the length of the
//! file.

mod av1;
mod avif;
mod boxes;
mod gif;
mod jpeg;
mod png;
mod webp;

use image::metadata::Orientation;

pub(crate) use webp::{AnimationFrame, animation_frames, chunks};

use crate::color::CodePoints;
use crate::{ImageFormat, Limits, MediaError};

/// The headers of an accepted picture.
pub(crate) struct Header {
    pub format: ImageFormat,
    /// Width as stored, before orientation.
    pub width: u32,
    /// Height as stored, before orientation.
    pub height: u32,
    /// Frames that the file claims; at least 1.
    pub frames: u32,
    /// How the stored picture must be turned to be upright.
    pub orientation: Orientation,
    /// `None` for a picture that stands still.
    pub animation: Option<AnimationHeader>,
    /// Memory that decoding takes at its peak.
    pub decode_bytes: u64,
    /// What only one format needs to know.
    pub details: Details,
}

/// What the headers of a GIF or WebP of several frames say.
pub(crate) struct AnimationHeader {
    /// How often it is played; 0 for ever.
    pub plays: u16,
    /// A frame of a GIF may be larger than the canvas.
    pub largest_frame_pixels: u64,
}

pub(crate) enum Details {
    /// The decoder reads the rest by itself.
    None,
    Jpeg(JpegHeader),
    Avif(AvifHeader),
}

impl Header {
    /// Width and height once the picture is upright, in pixels.
    pub(crate) fn upright_size(&self) -> (u32, u32) {
        let is_turned = self.orientation.to_exif() >= 5;
        if is_turned { (self.height, self.width) } else { (self.width, self.height) }
    }

    /// Checks what the header says against `limits`, before any pixel is decoded.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), MediaError> {
        let Self { format, width, height, .. } = *self;
        if width == 0 || height == 0 {
            return Err(MediaError::corrupt(format, "a side of zero pixels"));
        }
        if width > limits.max_dimension || height > limits.max_dimension {
            return Err(MediaError::DimensionsTooLarge { width, height, max_dimension: limits.max_dimension });
        }
        let actual_pixels = u64::from(width) * u64::from(height);
        if actual_pixels > limits.max_pixels {
            return Err(MediaError::TooManyPixels { actual_pixels, max_pixels: limits.max_pixels });
        }
        if self.frames > limits.max_frames {
            return Err(MediaError::TooManyFrames { max_frames: limits.max_frames });
        }
        if self.decode_bytes > limits.max_alloc_bytes {
            return Err(MediaError::NeedsTooMuchMemory {
                needed_bytes: self.decode_bytes,
                max_alloc_bytes: limits.max_alloc_bytes,
            });
        }
        Ok(())
    }
}

/// The part of a JPEG's header that chooses how it is decoded.
pub(crate) struct JpegHeader {
    /// 1 (grey), 3 (colour) or 4 (CMYK or YCCK).
    pub components: u8,
    /// An Adobe marker is there: CMYK samples are then stored inverted, as Photoshop does.
    pub has_adobe_marker: bool,
    /// The embedded profile, whole.
    pub icc_profile: Option<Vec<u8>>,
}

/// Where the pixels of an AVIF are, and what their numbers mean.
pub(crate) struct AvifHeader {
    pub color: Vec<u8>,
    /// The AV1 picture whose luma is the transparency; as large as the other.
    pub alpha: Option<Vec<u8>>,
    /// Colours have been multiplied by alpha.
    pub is_premultiplied: bool,
    /// The container's, which go before the bitstream's.
    pub code_points: Option<CodePoints>,
    /// Goes before code points, but for the matrix.
    pub icc_profile: Option<Vec<u8>>,
}

/// Reads the headers of `bytes`, which begin as `format` does.
pub(crate) fn read_header(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Header, MediaError> {
    match format {
        ImageFormat::Jpeg => jpeg::read(bytes, limits),
        ImageFormat::Png => png::read(bytes),
        ImageFormat::WebP => webp::read(bytes, limits),
        ImageFormat::Gif => gif::read(bytes),
        ImageFormat::Avif => avif::read(bytes, limits),
    }
}

/// The orientation in an EXIF block (TIFF structure, with or without the `Exif\0\0` prefix); upright if there is none.
fn exif_orientation(block: &[u8]) -> Orientation {
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    Orientation::from_exif_chunk(tiff).unwrap_or(Orientation::NoTransforms)
}

/// Bytes taken from the front of a slice; `None` where it is too short.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16_be(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u24_le(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    fn u32_be(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64_be(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}
