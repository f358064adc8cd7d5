//! Pictures: bytes in, bytes out. No I/O, no clock, no async.
//!
//! [`process_image`] takes an upload through
//!
//! ```text
//! sniff → limits on the headers → decode (JPEG: scaled as it is decoded)
//!       → resize 1080 → sRGB → upright → resize 640, 150
//!       → JPEG × 3 · AVIF · WebP · blurhash
//! ```
//!
//! The codecs are libjpeg-turbo, libwebp and libaom (both ways), and the `image` crate for decoding PNG, WebP and GIF.
//! Their `unsafe` interface is wrapped by other crates but for libaom's, which is wrapped in `aom.rs`.
#![deny(unsafe_code)]

mod animation;
mod aom;
mod avif;
mod color;
mod decode;
mod dominant_color;
mod encode;
mod encoded;
mod error;
mod focus;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod header;
mod hostile;
mod limits;
mod perceptual_hash;
mod process;
mod raster;
mod sample;
mod sniff;
#[cfg(test)]
mod tests;
pub mod video;

pub use encode::encode_jpeg;
pub use encoded::EncodedImage;
pub use error::MediaError;
pub use limits::Limits;
pub use process::{ProcessedImage, process_image};
pub use sample::{Crop, sample_image};
pub use sniff::{ForeignFormat, ImageFormat, sniff, sniff_unsupported};
