//! A fingerprint of what a picture shows, nearly the same after scaling and recompression.
//!
//! The DCT hash of Christoph Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010): the
//! lowest 8 x 8 frequencies but the first row and column of the 32 x 32 miniature's luma, each above their median or
//! not. His mean filter is the miniature's Lanczos filter here.

use crate::MediaError;
use crate::raster::Raster;

/// Side of the miniature, in pixels.
const MINIATURE_SIDE: usize = 32;
/// Side of the square of frequencies that are kept.
const KEPT_SIDE: usize = 8;

/// 64 bits; two pictures look alike where few of them differ. Of an upright picture in sRGB, transparency over white.
pub(crate) fn perceptual_hash(raster: &Raster) -> Result<u64, MediaError> {
    let side = MINIATURE_SIDE as u32;
    let miniature = raster.scale((side, side))?.flatten_on_white();
    let luma: Vec<f32> = miniature
        .pixels
        .chunks_exact(3)
        .map(|pixel| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]))
        .collect();
    let frequencies = kept_frequencies(&luma);
    let mut sorted = frequencies;
    sorted.sort_by(f32::total_cmp);
    let median = (sorted[31] + sorted[32]) / 2.0;
    Ok(frequencies.iter().fold(0, |hash, frequency| hash << 1 | u64::from(*frequency > median)))
}

/// Frequencies 1 to 8 down and across of the two-dimensional DCT-II, row after row, but for its constant factors.
fn kept_frequencies(luma: &[f32]) -> [f32; KEPT_SIDE * KEPT_SIDE] {
    let wave = |frequency: usize, place: usize| {
        let angle = std::f32::consts::PI * (2 * place + 1) as f32 * frequency as f32 / (2 * MINIATURE_SIDE) as f32;
        angle.cos()
    };
    let waves: Vec<[f32; MINIATURE_SIDE]> =
        (1..=KEPT_SIDE).map(|frequency| std::array::from_fn(|place| wave(frequency, place))).collect();
    let along = |values: &[f32], wave: &[f32; MINIATURE_SIDE]| -> f32 {
        values.iter().zip(wave).map(|(value, factor)| value * factor).sum()
    };
    let mut frequencies = [0.0; KEPT_SIDE * KEPT_SIDE];
    for (across, wave) in waves.iter().enumerate() {
        let column: Vec<f32> = luma.chunks_exact(MINIATURE_SIDE).map(|row| along(row, wave)).collect();
        for (down, wave) in waves.iter().enumerate() {
            frequencies[down * KEPT_SIDE + across] = along(&column, wave);
        }
    }
    frequencies
}
