//! The whole of image processing: one decode, one chain of resizes, six results.

use tessera_domain::image::RgbImage;

use crate::animation::encode_animation;
use crate::avif::encode_avif;
use crate::decode::{Decoded, Needs, decode};
use crate::dominant_color::dominant_color;
use crate::encode::{blurhash, encode_jpeg, encode_webp};
use crate::encoded::{EncodedImage, MEDIUM_SIDE};
use crate::focus::find_focus;
use crate::header::{Header, read_header};
use crate::hostile::{check_type, guarded};
use crate::perceptual_hash::perceptual_hash;
use crate::raster::{Raster, fit_size};
use crate::sample::sample_of;
use crate::{ImageFormat, Limits, MediaError, color};

/// Side of the box of the large JPEG, in pixels (docs/functions.md, section 5, has all sizes and qualities).
const LARGE_SIDE: u32 = 1080;
/// Side of the square thumbnail, in pixels.
const THUMBNAIL_SIDE: u32 = 150;

const LARGE_QUALITY: u8 = 85;
const MEDIUM_QUALITY: u8 = 85;
const THUMBNAIL_QUALITY: u8 = 80;
const WEBP_QUALITY: f32 = 80.0;
/// libwebp's effort: 3 is as good as 4, its default, for less time; 2 is 3 % larger and half a point of SSIMULACRA2
/// worse.
const WEBP_METHOD: i32 = 3;
/// libaom's `cq-level` that looks, by SSIMULACRA2, as "quality 75" does at the default effort of common software.
const AVIF_QUANTIZER: u8 = 8;

/// What becomes of an uploaded picture: upright, in sRGB, without any metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessedImage {
    /// Fits 1080 x 1080; JPEG, quality 85.
    pub large: EncodedImage,
    /// Fits 640 x 640; JPEG, quality 85.
    pub medium: EncodedImage,
    /// The square that holds most of what eyes are drawn to (edges, colour, skin), 150 x 150 or as large as the picture
    /// allows; JPEG, quality 80.
    pub thumbnail: EncodedImage,
    /// Fits 640 x 640; keeps transparency.
    pub avif: EncodedImage,
    /// Fits 640 x 640; lossy, quality 80; keeps transparency.
    pub webp: EncodedImage,
    /// An animated WebP that fits 640 x 640, where the upload is a GIF or WebP of several frames that differ and is not
    /// too costly (docs/media.md states the bounds). Its timing and repetitions are the upload's.
    pub animation: Option<EncodedImage>,
    /// Placeholder of 4 x 3 components.
    pub blurhash: String,
    /// The sRGB colour of the largest group of pixels that look alike; not the mean.
    pub dominant_color: [u8; 3],
    /// The DCT hash (Zauner 2010) of the upright picture: pictures that look the same differ in few of its bits,
    /// whatever their size and compression.
    pub perceptual_hash: u64,
    /// Fits 320 x 320, transparency over white: what an embedding model looks at.
    pub sample: RgbImage,
    /// What the upload was.
    pub format: ImageFormat,
    /// Width of the upright original, in pixels.
    pub width: u32,
    /// Height of the upright original, in pixels.
    pub height: u32,
}

/// Turns an upload into the pictures that are served.
///
/// The content decides the format, and `declared_content_type` must agree with it. Limits are checked on the headers
/// before any pixel is decoded. The first frame of an animation is the picture; its frames are kept beside it.
/// Orientation (EXIF) is applied and colours are converted to sRGB by the embedded profile; nothing else of the
/// metadata survives. The aspect ratio is kept and nothing is enlarged. JPEGs have transparency laid over white; AVIF
/// and WebP keep it.
///
/// Whatever the bytes are, memory grows by [`Limits::max_alloc_bytes`] and 64 MiB at most, and processor time by the
/// limits on pixels, frames, scans and metadata: no file of the hostile corpus (`tests/corpus.rs`) takes more than two
/// seconds of a release build, and an animation at the edge of its bounds four.
///
/// `progress` hears non-decreasing percentages, the last one 100. The call computes for some tenths of a second in the
/// calling thread and the same bytes give the same result; keep it off async threads.
///
/// # Errors
/// [`MediaError`], each a sentence for the uploader. A panic, in a decoder or in `progress`, becomes
/// [`MediaError::Corrupt`].
pub fn process_image(
    bytes: &[u8],
    declared_content_type: &str,
    limits: &Limits,
    progress: &dyn Fn(u8),
) -> Result<ProcessedImage, MediaError> {
    limits.check_length(bytes)?;
    let format = check_type(bytes, declared_content_type)?;
    guarded(format, || process(bytes, format, limits, progress))
}

fn process(
    bytes: &[u8],
    format: ImageFormat,
    limits: &Limits,
    progress: &dyn Fn(u8),
) -> Result<ProcessedImage, MediaError> {
    let header = read_header(bytes, format, limits)?;
    header.check(limits)?;
    progress(5);
    let needs = Needs { box_side: LARGE_SIDE, square_side: THUMBNAIL_SIDE };
    let decoded = decode(bytes, &header, &needs, limits)?;
    progress(40);
    let scaled = scale(decoded, &header)?;
    progress(50);
    let still = encode(scaled, &header, progress)?;
    let animation = encode_animation(bytes, &header, limits);
    progress(100);
    Ok(ProcessedImage { animation, ..still })
}

/// The three sizes, upright and in sRGB.
struct Scaled {
    large: Raster,
    medium: Raster,
    thumbnail: Raster,
}

/// Each size comes from the one before. Colour and orientation are applied to the large one, when few pixels are left.
fn scale(decoded: Decoded, header: &Header) -> Result<Scaled, MediaError> {
    let finish = |raster: Raster| -> Result<Raster, MediaError> {
        color::to_srgb(raster, &decoded.color_space, decoded.inverted_inks)?
            .orient(header.orientation)
            .map(Raster::without_idle_alpha)
    };
    let source = &decoded.raster;
    let large = finish(source.scale(fit_size(header.width, header.height, LARGE_SIDE))?)?;
    // From the original's sides, so that rounding does not add up.
    let (width, height) = header.upright_size();
    let medium = large.scale(fit_size(width, height, MEDIUM_SIDE))?;
    // A panorama may be too low by now for a thumbnail that its original can fill.
    let wanted_side = THUMBNAIL_SIDE.min(source.short_side());
    let focus = find_focus(&medium)?;
    let thumbnail = if medium.short_side() >= wanted_side {
        medium.cover(THUMBNAIL_SIDE, focus)?
    } else if large.short_side() >= wanted_side {
        large.cover(THUMBNAIL_SIDE, focus)?
    } else {
        finish(source.cover(THUMBNAIL_SIDE, focus.as_stored(header.orientation))?)?
    };
    Ok(Scaled { large, medium, thumbnail })
}

fn encode(scaled: Scaled, header: &Header, progress: &dyn Fn(u8)) -> Result<ProcessedImage, MediaError> {
    let Scaled { large, medium, thumbnail } = scaled;
    let large = jpeg(large, LARGE_QUALITY)?; // First, to free its pixels.
    let thumbnail = jpeg(thumbnail, THUMBNAIL_QUALITY)?;
    let blurhash = blurhash(&medium)?;
    let dominant_color = dominant_color(&medium)?;
    let perceptual_hash = perceptual_hash(&medium)?;
    let sample = sample_of(&medium)?;
    progress(60);
    let avif = encoded(&medium, encode_avif(&medium, AVIF_QUANTIZER)?, "image/avif");
    progress(80);
    let webp = encoded(&medium, encode_webp(&medium, WEBP_QUALITY, WEBP_METHOD)?, "image/webp");
    let medium = jpeg(medium, MEDIUM_QUALITY)?;
    progress(95);
    let (width, height) = header.upright_size();
    Ok(ProcessedImage {
        large,
        medium,
        thumbnail,
        avif,
        webp,
        animation: None,
        blurhash,
        dominant_color,
        perceptual_hash,
        sample,
        format: header.format,
        width,
        height,
    })
}

fn jpeg(raster: Raster, quality: u8) -> Result<EncodedImage, MediaError> {
    let raster = raster.flatten_on_white();
    let bytes = encode_jpeg(&raster.pixels, raster.width, raster.height, quality)?;
    Ok(encoded(&raster, bytes, "image/jpeg"))
}

fn encoded(raster: &Raster, bytes: Vec<u8>, content_type: &'static str) -> EncodedImage {
    EncodedImage { bytes, width: raster.width, height: raster.height, content_type }
}
