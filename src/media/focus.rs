//! Where to crop: the square along a picture's long side that holds most of what eyes are drawn to.
//!
//! As in libvips' "attention" and smartcrop.js, that is edges, saturated colours and the tones of skin. They are added
//! up on a miniature, and since a square cut from a rectangle moves along one axis only, its sum over columns or rows
//! is all that is needed.

use image::metadata::Orientation;

use crate::MediaError;
use crate::raster::{Channels, Raster, fit_size};

/// Long side of the miniature, in pixels.
const MINIATURE_SIDE: u32 = 96;

const EDGE_WEIGHT: f32 = 2.0;
const SATURATION_WEIGHT: f32 = 0.4;
const SKIN_WEIGHT: f32 = 1.2;

/// The direction of skin of all shades in RGB: shades differ in brightness far more than in direction.
const SKIN: [f32; 3] = [0.77, 0.53, 0.36];
/// Cosine of the angle from [`SKIN`] at which a colour begins to count as skin.
const SKIN_COSINE: f32 = 0.985;
/// How much less a square at the very end counts than the centred one: where nothing stands out, the middle wins.
const END_PENALTY: f64 = 0.15;

/// Where the square is to be cut: the part of what is cut off, from 0 to 1, that goes off at the left and at the top.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Focus {
    pub x: f64,
    pub y: f64,
}

impl Focus {
    pub(crate) const CENTER: Self = Self { x: 0.5, y: 0.5 };

    /// The same square in the picture as it was before it was turned upright.
    pub(crate) fn as_stored(self, orientation: Orientation) -> Self {
        let Self { x, y } = self;
        let (x, y) = match orientation {
            Orientation::NoTransforms => (x, y),
            Orientation::FlipHorizontal => (1.0 - x, y),
            Orientation::Rotate180 => (1.0 - x, 1.0 - y),
            Orientation::FlipVertical => (x, 1.0 - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate90 => (y, 1.0 - x),
            Orientation::Rotate270FlipH => (1.0 - y, 1.0 - x),
            Orientation::Rotate270 => (1.0 - y, x),
        };
        Self { x, y }
    }
}

/// The best square of an upright picture in sRGB.
pub(crate) fn find_focus(raster: &Raster) -> Result<Focus, MediaError> {
    let miniature = raster.scale(fit_size(raster.width, raster.height, MINIATURE_SIDE))?;
    let (width, height) = (miniature.width as usize, miniature.height as usize);
    if width == height || miniature.channels == Channels::Cmyk {
        return Ok(Focus::CENTER);
    }
    let is_wide = width > height;
    let mut weights = vec![0.0; width.max(height)];
    let luma = luma_of(&miniature);
    for y in 0..height {
        for x in 0..width {
            weights[if is_wide { x } else { y }] += f64::from(attraction(&miniature, &luma, x, y));
        }
    }
    let place = best_window(&weights, width.min(height));
    Ok(if is_wide { Focus { x: place, ..Focus::CENTER } } else { Focus { y: place, ..Focus::CENTER } })
}

/// The place from 0 to 1 of the heaviest window of a length.
fn best_window(weights: &[f64], length: usize) -> f64 {
    let last = weights.len() - length;
    let mut sum: f64 = weights[..length].iter().sum();
    let mut best = (f64::NEG_INFINITY, 0.5);
    for start in 0..=last {
        if start > 0 {
            sum += weights[start + length - 1] - weights[start - 1];
        }
        let place = start as f64 / last as f64;
        let from_center = 2.0 * (place - 0.5);
        let score = sum * (1.0 - END_PENALTY * from_center * from_center);
        if score > best.0 {
            best = (score, place);
        }
    }
    // Nothing at all stands out: rounding would decide.
    if best.0 < 1e-6 { 0.5 } else { best.1 }
}

fn luma_of(raster: &Raster) -> Vec<f32> {
    let pixels = raster.pixels.chunks_exact(raster.channels.count());
    pixels.map(|pixel| 0.2126 * unit(pixel[0]) + 0.7152 * unit(pixel[1]) + 0.0722 * unit(pixel[2])).collect()
}

fn unit(sample: u8) -> f32 {
    f32::from(sample) / 255.0
}

/// How much a pixel draws the eye; what is transparent draws none.
fn attraction(raster: &Raster, luma: &[f32], x: usize, y: usize) -> f32 {
    let (width, height) = (raster.width as usize, raster.height as usize);
    let step = raster.channels.count();
    let pixel = &raster.pixels[(y * width + x) * step..][..step];
    let here = luma[y * width + x];
    let neighbors = luma[y * width + x.saturating_sub(1)]
        + luma[y * width + (x + 1).min(width - 1)]
        + luma[y.saturating_sub(1) * width + x]
        + luma[(y + 1).min(height - 1) * width + x];
    let edge = (4.0 * here - neighbors).abs();

    let color = [0, 1, 2].map(|channel| unit(pixel[channel]));
    let (most, least) = (color.iter().copied().fold(0.0, f32::max), color.iter().copied().fold(1.0, f32::min));
    let saturation = most - least; // Of dark colours little, as eyes see them.
    let length = color.iter().map(|value| value * value).sum::<f32>().sqrt();
    let skin_length = SKIN.iter().map(|value| value * value).sum::<f32>().sqrt();
    let cosine = color.iter().zip(SKIN).map(|(a, b)| a * b).sum::<f32>() / (length * skin_length).max(1e-3);
    let is_lit = (0.15..0.95).contains(&here);
    let skin = if is_lit { ((cosine - SKIN_COSINE) / (1.0 - SKIN_COSINE)).clamp(0.0, 1.0) } else { 0.0 };

    let alpha = if raster.channels == Channels::Rgba { unit(pixel[3]) } else { 1.0 };
    alpha * (EDGE_WEIGHT * edge + SATURATION_WEIGHT * saturation + SKIN_WEIGHT * skin)
}
