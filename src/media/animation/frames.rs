//! The frames of an animation as they are shown: whole canvases, each disposed of and blended as the file says.

use std::io::Cursor;

use image::codecs::{gif::GifDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, RgbaImage};

use crate::color::ColorSpace;
use crate::decode::allowance;
use crate::header::{AnimationFrame, Header, animation_frames};
use crate::raster::{Channels, Raster};
use crate::{ImageFormat, Limits, MediaError};

/// An animation that is read frame by frame.
pub(super) struct Frames<'a> {
    pub color_space: ColorSpace,
    pub frames: Box<dyn Iterator<Item = Result<Frame, MediaError>> + 'a>,
}

/// A canvas and for how long it is shown.
pub(super) struct Frame {
    pub raster: Raster,
    pub duration_ms: u32,
}

/// Opens a GIF or WebP whose header is within the limits.
pub(super) fn open<'a>(bytes: &'a [u8], header: &Header, limits: &Limits) -> Result<Frames<'a>, MediaError> {
    let format = header.format;
    let failed = move |error| MediaError::corrupt(format, error);
    let (profile, frames): (_, Box<dyn Iterator<Item = _> + 'a>) = if format == ImageFormat::Gif {
        let mut decoder = GifDecoder::new(Cursor::new(bytes)).map_err(failed)?;
        decoder.set_limits(allowance(limits.max_alloc_bytes)).map_err(failed)?;
        let profile = decoder.icc_profile().map_err(failed)?;
        let frames = decoder.into_frames().map(move |frame| frame.map(from_gif).map_err(failed));
        (profile, Box::new(frames))
    } else {
        let profile = WebPDecoder::new(Cursor::new(bytes)).and_then(|mut decoder| decoder.icc_profile());
        let mut canvas = Canvas::new(header.width, header.height);
        let frames = animation_frames(bytes).map(move |frame| {
            canvas.show(&frame)?;
            Ok(Frame { raster: raster_of(canvas.picture.clone()), duration_ms: frame.duration_ms })
        });
        (profile.map_err(failed)?, Box::new(frames))
    };
    Ok(Frames { color_space: profile.map_or(ColorSpace::Srgb, ColorSpace::Icc), frames })
}

fn from_gif(frame: image::Frame) -> Frame {
    let (numerator, denominator) = frame.delay().numer_denom_ms();
    Frame { raster: raster_of(frame.into_buffer()), duration_ms: numerator / denominator.max(1) }
}

fn raster_of(picture: RgbaImage) -> Raster {
    let (width, height) = picture.dimensions();
    Raster { width, height, channels: Channels::Rgba, pixels: picture.into_raw() }
}

/// What a WebP's frames are painted on. The `image` crate decodes the frames; its own canvas does not dispose of opaque
/// ones.
struct Canvas {
    picture: RgbaImage,
    /// The place of the last frame that must go: left, top, width, height.
    disposed: Option<[u32; 4]>,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        Self { picture: RgbaImage::new(width, height), disposed: None }
    }

    fn show(&mut self, frame: &AnimationFrame<'_>) -> Result<(), MediaError> {
        let AnimationFrame { left, top, width, height, .. } = *frame;
        if left + width > self.picture.width() || top + height > self.picture.height() {
            return Err(MediaError::corrupt(ImageFormat::WebP, "a frame beyond the canvas"));
        }
        let pixels = decode_frame(frame)?;
        if let Some([left, top, width, height]) = self.disposed.take() {
            for (row, column) in (top..top + height).flat_map(|row| (left..left + width).map(move |x| (row, x))) {
                self.picture.put_pixel(column, row, image::Rgba([0; 4]));
            }
        }
        for (x, y, pixel) in pixels.enumerate_pixels() {
            let target = self.picture.get_pixel_mut(left + x, top + y);
            *target = image::Rgba(if frame.blends { blend(target.0, pixel.0) } else { pixel.0 });
        }
        self.disposed = frame.disposes.then_some([left, top, width, height]);
        Ok(())
    }
}

/// A colour laid over another (RFC 9649, section 2.7.1.1, "alpha-blending").
fn blend(below: [u8; 4], above: [u8; 4]) -> [u8; 4] {
    match above[3] {
        0 => below,
        255 => above,
        alpha => {
            let above_weight = u32::from(alpha) * 255;
            let below_weight = u32::from(below[3]) * (255 - u32::from(alpha));
            let weight = above_weight + below_weight;
            let mix = |channel: usize| {
                let sum = u32::from(above[channel]) * above_weight + u32::from(below[channel]) * below_weight;
                ((sum + weight / 2) / weight) as u8
            };
            [mix(0), mix(1), mix(2), ((weight + 127) / 255) as u8]
        }
    }
}

/// Decodes the chunks of one frame as a file of its own, which is not larger than the frame says.
fn decode_frame(frame: &AnimationFrame<'_>) -> Result<RgbaImage, MediaError> {
    let failed = |error| MediaError::corrupt(ImageFormat::WebP, error);
    let mut body = Vec::with_capacity(frame.chunks.len() + 64);
    body.extend(b"WEBP");
    if frame.chunks.starts_with(b"ALPH") {
        const ALPHA_FLAG: u8 = 0x10;
        body.extend(b"VP8X\x0a\0\0\0");
        body.extend([ALPHA_FLAG, 0, 0, 0]);
        body.extend(&(frame.width - 1).to_le_bytes()[..3]);
        body.extend(&(frame.height - 1).to_le_bytes()[..3]);
    }
    body.extend(frame.chunks);
    let file = [b"RIFF".as_slice(), &(body.len() as u32).to_le_bytes(), &body].concat();
    let decoder = WebPDecoder::new(Cursor::new(file)).map_err(failed)?;
    if decoder.dimensions() != (frame.width, frame.height) {
        return Err(MediaError::corrupt(ImageFormat::WebP, "a frame of two sizes"));
    }
    Ok(DynamicImage::from_decoder(decoder).map_err(failed)?.into_rgba8())
}
