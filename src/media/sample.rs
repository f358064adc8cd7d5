//! A small picture for models and hashes: of an upload, or of a part of a picture that is searched with.

use image::metadata::Orientation;
use tessera_domain::image::RgbImage;

use crate::decode::{Needs, decode};
use crate::error::MIN_CROP_SIDE;
use crate::focus::Focus;
use crate::header::read_header;
use crate::hostile::{check_type, guarded};
use crate::perceptual_hash::perceptual_hash;
use crate::raster::{Raster, fit_size};
use crate::{ImageFormat, Limits, MediaError, color};

/// Side of the box of a sample, in pixels.
const SAMPLE_SIDE: u32 = 320;

/// A part of an upright picture, in parts of its sides from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    pub x: f64,
    pub y: f64,
    /// From the left edge to the right one.
    pub width: f64,
    /// From the upper edge to the lower one.
    pub height: f64,
}

impl Crop {
    const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };

    /// The part of a picture of so many pixels.
    fn check(self, (width, height): (u32, u32)) -> Result<Self, MediaError> {
        /// What may come of adding numbers of few decimals.
        const ROUNDING: f64 = 1e-6;
        let fits = |start: f64, length: f64, side: u32| {
            let is_long_enough = length * f64::from(side) >= f64::from(MIN_CROP_SIDE.min(side)) - ROUNDING;
            start >= 0.0 && length > 0.0 && start + length <= 1.0 + ROUNDING && is_long_enough
        };
        // What is no number compares as false.
        let is_right = fits(self.x, self.width, width) && fits(self.y, self.height, height);
        if is_right { Ok(self) } else { Err(MediaError::BadCrop) }
    }

    /// The same part of the picture as it was before it was turned upright, in pixels: left, top, width, height.
    fn area_as_stored(self, orientation: Orientation, stored: &Raster) -> [f64; 4] {
        let corner = |x: f64, y: f64| Focus { x, y }.as_stored(orientation);
        let (one, other) = (corner(self.x, self.y), corner(self.x + self.width, self.y + self.height));
        let span = |one: f64, other: f64, side: u32| {
            let side = f64::from(side);
            let length = ((one - other).abs() * side).round().clamp(1.0, side);
            ((one.min(other) * side).round().clamp(0.0, side - length), length)
        };
        let (left, width) = span(one.x, other.x, stored.width);
        let (top, height) = span(one.y, other.y, stored.height);
        [left, top, width, height]
    }
}

/// Makes the sample and the perceptual hash of a picture, or of a part of it, as [`crate::process_image`] makes them of
/// the whole.
///
/// The content decides the format, and `declared_content_type` must agree with it; limits are checked before any pixel
/// is decoded; orientation is applied, colours become sRGB, transparency lies over white, and nothing is enlarged. The
/// first frame of an animation counts. A JPEG is decoded at the least scale that fills the sample: some hundredths of a
/// second. Keep the call off async threads.
///
/// # Errors
/// [`MediaError`], each a sentence for the uploader; [`MediaError::BadCrop`] for a crop that is not inside the picture,
/// or below 8 pixels of the original on a side that has more.
pub fn sample_image(
    bytes: &[u8],
    declared_content_type: &str,
    limits: &Limits,
    crop: Option<Crop>,
) -> Result<(RgbImage, u64), MediaError> {
    limits.check_length(bytes)?;
    let format = check_type(bytes, declared_content_type)?;
    guarded(format, || sample(bytes, format, limits, crop))
}

fn sample(
    bytes: &[u8],
    format: ImageFormat,
    limits: &Limits,
    crop: Option<Crop>,
) -> Result<(RgbImage, u64), MediaError> {
    let header = read_header(bytes, format, limits)?;
    header.check(limits)?;
    let upright_size = header.upright_size();
    let crop = crop.unwrap_or(Crop::WHOLE).check(upright_size)?;
    let decoded = decode(bytes, &header, &needs_of(crop, upright_size), limits)?;
    let area = crop.area_as_stored(header.orientation, &decoded.raster);
    let [_, _, width, height] = area.map(|length| length as u32); // Whole numbers.
    let part = decoded.raster.scale_part(area, fit_size(width, height, SAMPLE_SIDE))?;
    drop(decoded.raster);
    let upright = color::to_srgb(part, &decoded.color_space, decoded.inverted_inks)?.orient(header.orientation)?;
    Ok((sample_of(&upright)?, perceptual_hash(&upright)?))
}

/// What must come out of the decoder for the crop to fill a sample.
fn needs_of(crop: Crop, (width, height): (u32, u32)) -> Needs {
    let long_side = width.max(height);
    let cropped = (crop.width * f64::from(width)).max(crop.height * f64::from(height)).max(1.0);
    let box_side = f64::from(long_side) * f64::from(SAMPLE_SIDE) / cropped;
    Needs { box_side: (box_side.ceil() as u32).min(long_side), square_side: 1 }
}

/// The sample of an upright picture in sRGB.
pub(crate) fn sample_of(raster: &Raster) -> Result<RgbImage, MediaError> {
    let Raster { width, height, pixels, .. } =
        raster.scale(fit_size(raster.width, raster.height, SAMPLE_SIDE))?.flatten_on_white();
    Ok(RgbImage { width, height, pixels })
}
