//! From a file to pixels, as stored: orientation and colour follow once the picture is small.

mod avif;

use std::io::Cursor;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{DynamicImage, ImageDecoder, ImageError};
use turbojpeg::{Decompressor, PixelFormat, ScalingFactor};

use crate::color::ColorSpace;
use crate::header::{Details, Header, JpegHeader};
use crate::raster::{Channels, Raster, fit_size};
use crate::{ImageFormat, Limits, MediaError};

/// A picture that is at least as large as every output needs, and maybe smaller than the file's.
pub(crate) struct Decoded {
    pub raster: Raster,
    pub color_space: ColorSpace,
    pub inverted_inks: bool,
}

/// The sizes that must come out of decoding without enlarging.
pub(crate) struct Needs {
    /// The box of the largest output, in pixels.
    pub box_side: u32,
    /// The square that must fit into the picture's short side, in pixels.
    pub square_side: u32,
}

/// Decodes the first frame. The header must have passed [`Header::check`].
pub(crate) fn decode(bytes: &[u8], header: &Header, needs: &Needs, limits: &Limits) -> Result<Decoded, MediaError> {
    let cursor = Cursor::new(bytes);
    let failed = |error| from_image_error(error, header.format, limits);
    match &header.details {
        Details::Jpeg(jpeg) => return decode_jpeg(bytes, header, jpeg, needs, limits),
        Details::Avif(avif) => return avif::decode(header, avif),
        Details::None => {}
    }
    match header.format {
        ImageFormat::Png => {
            // The limit governs chunks, each after inflation, and rows; pixels are ours to allocate.
            let decoder = PngDecoder::with_limits(cursor, allowance(limits.max_metadata_bytes)).map_err(failed)?;
            decode_other(decoder, header, limits)
        }
        ImageFormat::WebP => decode_other(WebPDecoder::new(cursor).map_err(failed)?, header, limits),
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(cursor).map_err(failed)?;
            decoder.set_limits(allowance(limits.max_alloc_bytes)).map_err(failed)?;
            decode_other(decoder, header, limits)
        }
        ImageFormat::Jpeg | ImageFormat::Avif => Err(MediaError::corrupt(header.format, "no header")),
    }
}

pub(crate) fn allowance(max_alloc_bytes: u64) -> image::Limits {
    let mut allowance = image::Limits::no_limits();
    allowance.max_alloc = Some(max_alloc_bytes);
    allowance
}

fn decode_other(mut decoder: impl ImageDecoder, header: &Header, limits: &Limits) -> Result<Decoded, MediaError> {
    let failed = |error| from_image_error(error, header.format, limits);
    if decoder.dimensions() != (header.width, header.height) {
        return Err(MediaError::corrupt(header.format, "the decoder reads another size than the header"));
    }
    let icc_profile = decoder.icc_profile().map_err(failed)?;
    if icc_profile.as_ref().is_some_and(|profile| profile.len() as u64 > limits.max_metadata_bytes) {
        return Err(MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes });
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let (width, height) = (picture.width(), picture.height());
    let (channels, pixels) = if picture.color().has_alpha() {
        (Channels::Rgba, picture.into_rgba8().into_raw())
    } else {
        (Channels::Rgb, picture.into_rgb8().into_raw())
    };
    let raster = Raster { width, height, channels, pixels };
    let color_space = icc_profile.map_or(ColorSpace::Srgb, ColorSpace::Icc);
    Ok(Decoded { raster, color_space, inverted_inks: false })
}

fn from_image_error(error: ImageError, format: ImageFormat, limits: &Limits) -> MediaError {
    match error {
        ImageError::Limits(_) if format == ImageFormat::Png => {
            MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes }
        }
        error => MediaError::corrupt(format, error),
    }
}

fn decode_jpeg(
    bytes: &[u8],
    header: &Header,
    jpeg: &JpegHeader,
    needs: &Needs,
    limits: &Limits,
) -> Result<Decoded, MediaError> {
    let failed = |error| MediaError::corrupt(ImageFormat::Jpeg, error);
    let mut decompressor = Decompressor::new().map_err(MediaError::encoding)?;
    decompressor.set_scan_limit(limits.max_jpeg_scans).map_err(MediaError::encoding)?;
    let seen = decompressor.read_header(bytes).map_err(failed)?;
    if (seen.width, seen.height) != (header.width as usize, header.height as usize) {
        return Err(MediaError::corrupt(header.format, "the decoder reads another size than the header"));
    }
    let scaling = choose_scaling(header.width, header.height, needs);
    decompressor.set_scaling_factor(scaling).map_err(MediaError::encoding)?;

    let (channels, format) = match jpeg.components {
        4 => (Channels::Cmyk, PixelFormat::CMYK),
        _ => (Channels::Rgb, PixelFormat::RGB),
    };
    let (width, height) = (scaling.scale(seen.width), scaling.scale(seen.height));
    let pitch = width * channels.count();
    let mut pixels = vec![0; pitch * height];
    let output = turbojpeg::Image { pixels: pixels.as_mut_slice(), width, pitch, height, format };
    if let Err(error) = decompressor.decompress(bytes, output)
        && !is_harmless(&error)
    {
        return Err(failed(error));
    }
    Ok(Decoded {
        // Neither side has grown, so that both still fit.
        raster: Raster { width: width as u32, height: height as u32, channels, pixels },
        color_space: jpeg.icc_profile.clone().map_or(ColorSpace::Srgb, ColorSpace::Icc),
        inverted_inks: jpeg.has_adobe_marker,
    })
}

/// libjpeg-turbo reports warnings as errors, after decoding to the end. One of them says nothing about the pixels:
/// some cameras pad their scans with bytes that belong nowhere.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    matches!(error, turbojpeg::Error::TurboJpegError(message) if message.contains("extraneous bytes before marker"))
}

/// The coarsest eighth at which the decoder's own downscaling still leaves enough for every output.
fn choose_scaling(width: u32, height: u32, needs: &Needs) -> ScalingFactor {
    let (large_width, large_height) = fit_size(width, height, needs.box_side);
    let square = needs.square_side.min(width).min(height);
    let needed_width = large_width.max(square) as usize;
    let needed_height = large_height.max(square) as usize;
    (1..8)
        .map(|eighths| ScalingFactor::new(eighths, 8))
        .find(|factor| factor.scale(width as usize) >= needed_width && factor.scale(height as usize) >= needed_height)
        .unwrap_or(ScalingFactor::ONE)
}
