//! From AV1 pictures to RGB: range, matrix and depth (ITU-T H.273), chroma brought to luma's size.

use super::Decoded;
use crate::aom::{Frame, decode_still};
use crate::color::{CodePoints, ColorSpace};
use crate::header::{AvifHeader, Header};
use crate::raster::{Channels, Raster};
use crate::{ImageFormat, MediaError};

pub(super) fn decode(header: &Header, avif: &AvifHeader) -> Result<Decoded, MediaError> {
    let frame = decode_checked(&avif.color, header)?;
    let code_points = avif.code_points.unwrap_or_else(|| said_by(&frame));
    let color_space = match &avif.icc_profile {
        Some(profile) => ColorSpace::Icc(profile.clone()),
        None if code_points.is_hdr() => return Err(unsupported("high dynamic range (PQ or HLG)")),
        None => ColorSpace::CodePoints(code_points),
    };
    let channels = if avif.alpha.is_some() { Channels::Rgba } else { Channels::Rgb };
    let mut raster = Raster { width: header.width, height: header.height, channels, pixels: Vec::new() };
    raster.pixels = vec![255; frame.width() * frame.height() * channels.count()];
    paint(&frame, &code_points, &mut raster)?;
    drop(frame); // Before the other picture is opened.
    if let Some(alpha) = &avif.alpha {
        fill_alpha(&decode_checked(alpha, header)?, &mut raster);
        if avif.is_premultiplied {
            divide_by_alpha(&mut raster);
        }
    }
    Ok(Decoded { raster, color_space, inverted_inks: false })
}

fn decode_checked(bitstream: &[u8], header: &Header) -> Result<Frame, MediaError> {
    let frame = decode_still(bitstream)?;
    if (frame.width(), frame.height()) != (header.width as usize, header.height as usize) {
        return Err(MediaError::corrupt(ImageFormat::Avif, "the decoder reads another size than the header"));
    }
    Ok(frame)
}

fn said_by(frame: &Frame) -> CodePoints {
    let [primaries, transfer, matrix] =
        frame.code_points().map(|number| u8::try_from(number).unwrap_or(CodePoints::UNSPECIFIED));
    CodePoints { primaries, transfer, matrix, is_full_range: frame.is_full_range() }
}

fn unsupported(feature: &'static str) -> MediaError {
    MediaError::UnsupportedFeature { format: ImageFormat::Avif, feature }
}

/// How samples become luma from 0 to 255, and chroma from -127.5 to 127.5.
struct Scaling {
    luma_scale: f32,
    luma_offset: f32,
    chroma_scale: f32,
    chroma_offset: f32,
}

impl Scaling {
    fn new(bit_depth: u32, is_full_range: bool) -> Self {
        let unit = f32::from(1u16 << (bit_depth - 8));
        let full = 256.0 * unit - 1.0;
        if is_full_range {
            let scale = 255.0 / full;
            return Self { luma_scale: scale, luma_offset: 0.0, chroma_scale: scale, chroma_offset: 128.0 * unit };
        }
        let (luma_scale, chroma_scale) = (255.0 / (219.0 * unit), 255.0 / (224.0 * unit));
        Self { luma_scale, luma_offset: 16.0 * unit, chroma_scale, chroma_offset: 128.0 * unit }
    }

    fn luma(&self, sample: u16) -> f32 {
        (f32::from(sample) - self.luma_offset) * self.luma_scale
    }

    fn chroma(&self, sample: u16) -> f32 {
        (f32::from(sample) - self.chroma_offset) * self.chroma_scale
    }
}

/// The weights of red and blue in luma; `None` where the matrix is none of luma and differences.
fn luma_weights(matrix: u8) -> Option<(f32, f32)> {
    match matrix {
        1 => Some((0.2126, 0.0722)),
        4 => Some((0.30, 0.11)),
        2 | 5 | 6 => Some((0.299, 0.114)), // Unspecified is read as BT.601, as other readers do.
        7 => Some((0.212, 0.087)),
        9 => Some((0.2627, 0.0593)),
        _ => None,
    }
}

/// Writes the colours of all pixels. Conversion to `u8` saturates.
fn paint(frame: &Frame, code_points: &CodePoints, raster: &mut Raster) -> Result<(), MediaError> {
    let scaling = Scaling::new(frame.bit_depth(), code_points.is_full_range);
    let (width, step) = (frame.width(), raster.channels.count());
    let rows = raster.pixels.chunks_exact_mut(width * step).enumerate();
    let mut luma = vec![0; width];
    if frame.is_grey() {
        for (y, row) in rows {
            frame.read_row(0, y, &mut luma);
            for (pixel, luma) in row.chunks_exact_mut(step).zip(&luma) {
                pixel[..3].fill(scaling.luma(*luma).round() as u8);
            }
        }
        return Ok(());
    }
    let weights = luma_weights(code_points.matrix);
    if weights.is_none() && code_points.matrix != 0 {
        return Err(unsupported("an unusual colour matrix"));
    }
    let (shift_x, shift_y) = frame.chroma_shifts();
    let chroma_width = (width + (1 << shift_x) - 1) >> shift_x;
    let (mut blue, mut red) = (vec![0; chroma_width], vec![0; chroma_width]);
    for (y, row) in rows {
        frame.read_row(0, y, &mut luma);
        frame.read_row(1, y >> shift_y, &mut blue);
        frame.read_row(2, y >> shift_y, &mut red);
        for (x, (pixel, luma)) in row.chunks_exact_mut(step).zip(&luma).enumerate() {
            let (blue, red) = (blue[x >> shift_x], red[x >> shift_x]);
            let rgb = match weights {
                Some(weights) => mix(scaling.luma(*luma), scaling.chroma(blue), scaling.chroma(red), weights),
                None => [scaling.luma(red), scaling.luma(*luma), scaling.luma(blue)], // Green, blue and red as they are.
            };
            (0..3).for_each(|channel| pixel[channel] = rgb[channel].round() as u8);
        }
    }
    Ok(())
}

fn mix(luma: f32, blue: f32, red: f32, (red_weight, blue_weight): (f32, f32)) -> [f32; 3] {
    let (red, blue) = (2.0 * (1.0 - red_weight) * red, 2.0 * (1.0 - blue_weight) * blue);
    let green = (red_weight * red + blue_weight * blue) / (1.0 - red_weight - blue_weight);
    [luma + red, luma - green, luma + blue]
}

fn fill_alpha(frame: &Frame, raster: &mut Raster) {
    let scaling = Scaling::new(frame.bit_depth(), frame.is_full_range());
    let mut alpha = vec![0; frame.width()];
    for (y, row) in raster.pixels.chunks_exact_mut(frame.width() * 4).enumerate() {
        frame.read_row(0, y, &mut alpha);
        row.chunks_exact_mut(4).zip(&alpha).for_each(|(pixel, alpha)| pixel[3] = scaling.luma(*alpha).round() as u8);
    }
}

fn divide_by_alpha(raster: &mut Raster) {
    for pixel in raster.pixels.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha > 0 {
            pixel[..3].iter_mut().for_each(|value| *value = (u32::from(*value) * 255 / alpha).min(255) as u8);
        }
    }
}
