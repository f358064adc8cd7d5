//! Pictures for uploads: the photographs in `fixtures/photos`, and small ones made on the spot.

use image::{
    Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder,
    imageops::FilterType,
};
use std::{io::Cursor, path::Path, process::Command};

/// The bytes of a file of `tests/fixtures/photos`.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/photos").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A small JPEG whose content follows from `seed`.
pub fn small_jpeg(seed: u64) -> Vec<u8> {
    let shade = |shift: u32| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift) as u8;
    let picture = RgbImage::from_fn(48, 36, |x, y| {
        Rgb([shade(8).wrapping_add(x as u8 * 3), shade(24).wrapping_add(y as u8 * 4), shade(40)])
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("a JPEG can be written");
    bytes.into_inner()
}

/// A small animated GIF of three frames whose content follows from `seed`.
pub fn small_gif(seed: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for frame in 0..3 {
        let picture = RgbaImage::from_fn(24, 18, |x, y| {
            Rgba([(seed as u8).wrapping_add(x as u8 * 9), (y as u8).wrapping_mul(13), frame * 80, 255])
        });
        let frame = Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(100, 1));
        encoder.encode_frame(frame).expect("a GIF can be written");
    }
    drop(encoder);
    bytes
}

/// What a picture file shows: its pixels, transparency over white, numbers taken as sRGB.
pub struct Look {
    pixels: RgbImage,
}

/// Decodes a picture. AVIF is decoded by `avifdec` or `ffmpeg`; `None` where neither is installed.
///
/// # Panics
/// When the bytes are no such picture.
pub fn look_at(bytes: &[u8], content_type: &str) -> Option<Look> {
    let picture = match content_type {
        "image/avif" => decode_avif(bytes)?,
        other => {
            let format = ImageFormat::from_mime_type(other).expect("a known type");
            image::load_from_memory_with_format(bytes, format).expect("a picture of its type")
        }
    };
    Some(Look { pixels: over_white(&picture) })
}

impl Look {
    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.pixels.dimensions()
    }

    /// The mean colour of a square around a point, given as fractions of width and height. The square reaches a
    /// fortieth of the short side to each side.
    pub fn mean_around(&self, (at_x, at_y): (f64, f64)) -> [f64; 3] {
        let (width, height) = self.size();
        let reach = f64::from(width.min(height)) / 40.0;
        let span = |at: f64, size: u32| {
            let middle = at * f64::from(size);
            let first = (middle - reach).round().max(0.0) as u32;
            first..((middle + reach).round() as u32).min(size).max(first + 1)
        };
        let mut sum = [0.0; 3];
        let mut count = 0.0;
        for y in span(at_y, height) {
            for x in span(at_x, width) {
                let Rgb(pixel) = *self.pixels.get_pixel(x, y);
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += f64::from(value);
                }
                count += 1.0;
            }
        }
        sum.map(|sum| sum / count)
    }

    /// The colour of all its light mixed together, in sRGB numbers.
    pub fn mean_light(&self) -> [f64; 3] {
        let light = |value: u8| (f64::from(value) / 255.0).powf(2.2);
        let table: Vec<f64> = (0..=255).map(light).collect();
        let mut sum = [0.0; 3];
        for Rgb(pixel) in self.pixels.pixels() {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += table[usize::from(*value)];
            }
        }
        let pixels = f64::from(self.pixels.width()) * f64::from(self.pixels.height());
        sum.map(|sum| (sum / pixels).powf(1.0 / 2.2) * 255.0)
    }

    /// The same picture in another size.
    pub fn resized(&self, width: u32, height: u32) -> Look {
        Look { pixels: image::imageops::resize(&self.pixels, width, height, FilterType::Triangle) }
    }

    /// The mean difference to a picture of the same size, over all pixels and channels, 0 to 255.
    pub fn mean_error(&self, other: &Look) -> f64 {
        assert_eq!(self.size(), other.size(), "pictures of one size are compared");
        let pairs = self.pixels.as_raw().iter().zip(other.pixels.as_raw());
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / self.pixels.as_raw().len() as f64
    }
}

fn over_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
        let blend = |value: u8| ((u32::from(value) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255) as u8;
        Rgb([blend(r), blend(g), blend(b)])
    })
}

fn decode_avif(bytes: &[u8]) -> Option<DynamicImage> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (from, to) = (folder.path().join("in.avif"), folder.path().join("out.png"));
    std::fs::write(&from, bytes).expect("the picture is written");
    let ran = |command: &mut Command| command.output().ok().map(|output| output.status.success());
    let decoded = ran(Command::new("avifdec").arg(&from).arg(&to))
        .or_else(|| ran(Command::new("ffmpeg").args(["-loglevel", "error", "-i"]).arg(&from).arg(&to)))?;
    assert!(decoded, "an AVIF decoder takes the picture");
    Some(image::open(&to).expect("the decoder wrote a PNG"))
}
