//! AVIF: RGB to planes, two AV1 pictures (colour, and alpha where there is any), one container.
//!
//! Colour is 4:2:0, full range, BT.709 matrix with sRGB primaries and transfer. It is said in the AV1 sequence header
//! and again in the container's `colr` box, since some readers know only one of them.

use avif_serialize::Aviffy;
use avif_serialize::constants::{ColorPrimaries, MatrixCoefficients, TransferCharacteristics};

use crate::MediaError;
use crate::aom;
use crate::raster::{Channels, Raster};

/// Planes of eight-bit samples without padding between rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planes {
    pub width: usize,
    pub height: usize,
    /// `width * height` samples.
    pub luma: Vec<u8>,
    /// Blue and red difference, half as wide and high, rounded up; none for a picture of greys.
    pub chroma: Option<[Vec<u8>; 2]>,
}

impl Planes {
    pub(crate) fn chroma_width(&self) -> usize {
        self.width.div_ceil(2)
    }

    pub(crate) fn chroma_height(&self) -> usize {
        self.height.div_ceil(2)
    }
}

/// An AVIF file; transparency is kept as an auxiliary picture. `quantizer` is libaom's `cq-level`, 0 (best) to 63.
pub(crate) fn encode_avif(raster: &Raster, quantizer: u8) -> Result<Vec<u8>, MediaError> {
    let colour = aom::encode_still(&colour_planes(raster)?, quantizer)?;
    let alpha = match alpha_plane(raster) {
        Some(planes) => Some(aom::encode_still(&planes, quantizer)?),
        None => None,
    };
    let mut file = Vec::new();
    Aviffy::new()
        .set_width(raster.width)
        .set_height(raster.height)
        .set_bit_depth(8)
        .set_seq_profile(0)
        .set_chroma_subsampling((true, true))
        .set_color_primaries(ColorPrimaries::Bt709)
        .set_transfer_characteristics(TransferCharacteristics::Srgb)
        .set_matrix_coefficients(MatrixCoefficients::Bt709)
        .set_full_color_range(true)
        .write_slice(&mut file, &colour, alpha.as_deref())
        .map_err(MediaError::encoding)?;
    Ok(file)
}

fn alpha_plane(raster: &Raster) -> Option<Planes> {
    (raster.channels == Channels::Rgba).then(|| Planes {
        width: raster.width as usize,
        height: raster.height as usize,
        luma: raster.pixels.chunks_exact(4).map(|pixel| pixel[3]).collect(),
        chroma: None,
    })
}

/// BT.709 luma of each pixel, and differences of the mean colour of each two by two.
fn colour_planes(raster: &Raster) -> Result<Planes, MediaError> {
    if raster.channels == Channels::Cmyk {
        return Err(MediaError::encoding("AVIF knows no CMYK"));
    }
    let (width, height, step) = (raster.width as usize, raster.height as usize, raster.channels.count());
    let pixel = |x: usize, y: usize| {
        let start = (y * width + x) * step;
        [0, 1, 2].map(|channel| f32::from(raster.pixels[start + channel]))
    };
    let luma = raster
        .pixels
        .chunks_exact(step)
        .map(|pixel| to_sample(luma_of([0, 1, 2].map(|channel| f32::from(pixel[channel])))))
        .collect();
    let mut planes = Planes { width, height, luma, chroma: None };
    let (across, down) = (planes.chroma_width(), planes.chroma_height());
    let mut blue = Vec::with_capacity(across * down);
    let mut red = Vec::with_capacity(across * down);
    for y in 0..down {
        for x in 0..across {
            let (left, right) = (2 * x, (2 * x + 1).min(width - 1));
            let (top, bottom) = (2 * y, (2 * y + 1).min(height - 1));
            let corners = [pixel(left, top), pixel(right, top), pixel(left, bottom), pixel(right, bottom)];
            let mean = [0, 1, 2].map(|channel| corners.iter().map(|corner| corner[channel]).sum::<f32>() / 4.0);
            let mean_luma = luma_of(mean);
            blue.push(to_sample((mean[2] - mean_luma) / 1.8556 + 128.0));
            red.push(to_sample((mean[0] - mean_luma) / 1.5748 + 128.0));
        }
    }
    planes.chroma = Some([blue, red]);
    Ok(planes)
}

/// ITU-R BT.709, item 3.2.
fn luma_of([red, green, blue]: [f32; 3]) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// Conversion saturates at 0 and 255.
fn to_sample(value: f32) -> u8 {
    value.round() as u8
}
