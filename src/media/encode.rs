//! From pixels to the files that are served. None of the encoders writes metadata.

use turbojpeg::{Compressor, PixelFormat, Subsamp};
use webp::WebPConfig;

use crate::MediaError;
use crate::raster::{Channels, Raster};

/// Components of a blurhash across and down.
const BLURHASH_COMPONENTS: (u32, u32) = (4, 3);

/// Side of the square that a blurhash is computed from, in pixels.
const BLURHASH_SIDE: u32 = 32;

/// Encodes 8-bit sRGB samples, row after row, as a baseline JPEG with 4:2:0 chroma and optimised Huffman tables.
///
/// `quality` is libjpeg's, 1 to 100; values beyond are brought to the nearest.
///
/// # Errors
/// [`MediaError::EncodingFailed`] where `rgb` is not `width * height * 3` bytes long, a side is 0 or above 65,500, or
/// the encoder runs out of memory.
pub fn encode_jpeg(rgb: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, MediaError> {
    let (width, height) = (width as usize, height as usize);
    let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3));
    if width == 0 || height == 0 || expected != Some(rgb.len()) {
        return Err(MediaError::encoding(format!("{} bytes cannot be {width} x {height} RGB pixels", rgb.len())));
    }
    let mut compressor = Compressor::new().map_err(MediaError::encoding)?;
    compressor.set_quality(quality.clamp(1, 100).into()).map_err(MediaError::encoding)?;
    compressor.set_subsamp(Subsamp::Sub2x2).map_err(MediaError::encoding)?;
    compressor.set_optimize(true).map_err(MediaError::encoding)?;
    let source = turbojpeg::Image { pixels: rgb, width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(source).map_err(MediaError::encoding)
}

/// A lossy WebP; transparency is kept. `method` is libwebp's effort, 0 to 6.
pub(crate) fn encode_webp(raster: &Raster, quality: f32, method: i32) -> Result<Vec<u8>, MediaError> {
    let encoder = match raster.channels {
        Channels::Rgb => webp::Encoder::from_rgb(&raster.pixels, raster.width, raster.height),
        Channels::Rgba => webp::Encoder::from_rgba(&raster.pixels, raster.width, raster.height),
        Channels::Cmyk => return Err(MediaError::encoding("WebP knows no CMYK")),
    };
    let mut config = WebPConfig::new().map_err(|()| MediaError::encoding("libwebp gave no configuration"))?;
    config.quality = quality;
    config.method = method;
    let memory =
        encoder.encode_advanced(&config).map_err(|error| MediaError::encoding(format!("libwebp: {error:?}")))?;
    Ok(memory.to_vec())
}

/// The blurhash of a picture: 4 x 3 components, from its 32 x 32 miniature on white.
pub(crate) fn blurhash(raster: &Raster) -> Result<String, MediaError> {
    let miniature = raster.scale((BLURHASH_SIDE, BLURHASH_SIDE))?.flatten_on_white();
    let rgba: Vec<u8> =
        miniature.pixels.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect();
    let (across, down) = BLURHASH_COMPONENTS;
    ::blurhash::encode(across, down, BLURHASH_SIDE, BLURHASH_SIDE, &rgba).map_err(MediaError::encoding)
}
