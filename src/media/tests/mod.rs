//! Tests over real encodings, each made here or taken from `tests/fixtures/photos`.

#![allow(clippy::unwrap_used)]

mod animation_bombs;
mod animations;
mod bad_input;
mod build;
mod colors;
mod corpus;
mod focus;
mod formats;
mod hostile;
mod hostile_videos;
mod outputs;
mod photos;
mod references;
mod signatures;
mod video;

use crate::{EncodedImage, Limits, MediaError, ProcessedImage, process_image};

/// Processes with default limits.
fn process(bytes: &[u8], content_type: &str) -> Result<ProcessedImage, MediaError> {
    process_image(bytes, content_type, &Limits::default(), &|_| {})
}

/// Decodes an output by other code than the encoder's where there is some: RGBA, 8 bits.
fn open(file: &EncodedImage) -> image::RgbaImage {
    let picture = if file.content_type == "image/avif" {
        build::open_avif(&file.bytes)
    } else {
        image::load_from_memory(&file.bytes).unwrap().into_rgba8()
    };
    assert_eq!(picture.dimensions(), (file.width, file.height), "{}", file.content_type);
    picture
}

fn all(processed: &ProcessedImage) -> [&EncodedImage; 5] {
    [&processed.large, &processed.medium, &processed.thumbnail, &processed.avif, &processed.webp]
}

/// The mean colour of a square of a twentieth of the short side around a point given as fractions.
fn mean_at(picture: &image::RgbaImage, x: f64, y: f64) -> [f64; 4] {
    let reach = picture.width().min(picture.height()) / 40;
    let center = |fraction: f64, side: u32| (fraction * f64::from(side)) as u32;
    let (x, y) = (center(x, picture.width()), center(y, picture.height()));
    let mut sum = [0.0; 4];
    let mut count = 0.0;
    for row in y.saturating_sub(reach)..=(y + reach).min(picture.height() - 1) {
        for column in x.saturating_sub(reach)..=(x + reach).min(picture.width() - 1) {
            let pixel = picture.get_pixel(column, row);
            (0..4).for_each(|channel| sum[channel] += f64::from(pixel[channel]));
            count += 1.0;
        }
    }
    sum.map(|total| total / count)
}

/// Asserts that the colour around a point is `expected`, each channel within `tolerance`.
#[track_caller]
fn check_color(file: &EncodedImage, (x, y): (f64, f64), expected: [u8; 3], tolerance: f64) {
    let actual = mean_at(&open(file), x, y);
    for channel in 0..3 {
        let difference = (actual[channel] - f64::from(expected[channel])).abs();
        assert!(difference <= tolerance, "{} at {x},{y}: {actual:?}, expected {expected:?}", file.content_type);
    }
}
