//! What is computed of a picture beside its files: dominant colour, perceptual hash, sample; and the sample of a part
//! of it.

use image::imageops::{FilterType, crop_imm, resize};
use image::{ImageFormat, RgbImage, RgbaImage};

use super::build::*;
use super::outputs::stored_for;
use super::process;
use crate::{Crop, Limits, MediaError, sample_image};

fn photo(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../tests/fixtures/photos/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn open_photo(name: &str) -> RgbImage {
    image::load_from_memory(&photo(name)).unwrap().into_rgb8()
}

fn hash_of(bytes: &[u8], content_type: &str) -> u64 {
    process(bytes, content_type).unwrap().perceptual_hash
}

fn distance(one: u64, other: u64) -> u32 {
    (one ^ other).count_ones()
}

#[track_caller]
fn check_close(actual: [u8; 3], expected: [u8; 3], tolerance: u8) {
    let is_close = actual.iter().zip(expected).all(|(one, other)| one.abs_diff(other) <= tolerance);
    assert!(is_close, "{actual:?}, expected {expected:?}");
}

#[test]
fn the_dominant_color_is_one_that_the_picture_has() {
    // Half red, a third blue, the rest green: their mean is a brown that is nowhere.
    let stripes = RgbImage::from_fn(120, 60, |x, _| {
        image::Rgb(match x {
            0..60 => RED,
            60..100 => BLUE,
            _ => GREEN,
        })
    });
    check_close(process(&jpeg(&stripes), "image/jpeg").unwrap().dominant_color, RED, 4);
    let cut_out = RgbaImage::from_fn(90, 90, |x, _| match x {
        0..60 => image::Rgba([0, 0, 0, 0]),
        _ => image::Rgba([BLUE[0], BLUE[1], BLUE[2], 255]),
    });
    let dominant = process(&write(cut_out, ImageFormat::Png), "image/png").unwrap().dominant_color;
    check_close(dominant, BLUE, 4);
    let nothing = RgbaImage::new(20, 20);
    assert_eq!(process(&write(nothing, ImageFormat::Png), "image/png").unwrap().dominant_color, [255; 3]);
    let coffee = process(&photo("coffee-alpha.png"), "image/png").unwrap().dominant_color;
    assert!(coffee[0] > coffee[2] + 40, "brown or orange, as coffee and wood are: {coffee:?}");
}

#[test]
fn the_perceptual_hash_outlives_scaling_and_recompression_and_tells_pictures_apart() {
    let cat = open_photo("chelsea.png");
    let hash = hash_of(&photo("chelsea.png"), "image/png");
    let smaller = resize(&cat, 210, 140, FilterType::Triangle);
    let squeezed = jpeg_with(&smaller, |jpeg| jpeg.set_quality(30).unwrap());
    assert!(distance(hash, hash_of(&squeezed, "image/jpeg")) <= 4, "half as large, quality 30");
    let larger = jpeg(&resize(&cat, 1804, 1200, FilterType::CatmullRom));
    assert!(distance(hash, hash_of(&larger, "image/jpeg")) <= 4, "four times as large");
    let webp = webp::Encoder::from_rgb(cat.as_raw(), cat.width(), cat.height()).encode(60.0).to_vec();
    assert!(distance(hash, hash_of(&webp, "image/webp")) <= 4, "as WebP");
    for other in ["rocket.jpg", "astronaut-display-p3.jpg", "coffee-12mp.jpg"] {
        let far = distance(hash, hash_of(&photo(other), "image/jpeg"));
        assert!(far >= 16, "{other} is another picture: {far}");
    }
    let turned = stored_for(6, &cat);
    let turned = with_exif(&jpeg(&turned), 6);
    assert!(distance(hash, hash_of(&turned, "image/jpeg")) <= 2, "of the upright picture");
}

#[test]
fn the_sample_is_small_upright_and_opaque() {
    let processed = process(&photo("coffee-12mp-orientation-6-gps.jpg"), "image/jpeg").unwrap();
    assert_eq!((processed.sample.width, processed.sample.height), (320, 240));
    assert_eq!(processed.sample.pixels.len(), 320 * 240 * 3);
    let pixel = |x: usize, y: usize| &processed.sample.pixels[(y * 320 + x) * 3..][..3];
    check_close(pixel(16, 12).try_into().unwrap(), [35, 23, 13], 12);
    let cut_out = process(&photo("coffee-alpha.png"), "image/png").unwrap().sample;
    assert_eq!(cut_out.pixels[..3], [255; 3], "transparency over white");
    let tiny = process(&jpeg(&quadrants(60, 44)), "image/jpeg").unwrap().sample;
    assert_eq!((tiny.width, tiny.height), (60, 44), "not enlarged");
}

#[test]
fn the_sample_of_a_whole_picture_is_nearly_that_of_its_upload() {
    let limits = Limits::default();
    for name in ["coffee-12mp.jpg", "astronaut-display-p3.jpg"] {
        let processed = process(&photo(name), "image/jpeg").unwrap();
        let (sample, hash) = sample_image(&photo(name), "image/jpeg", &limits, None).unwrap();
        assert_eq!((sample.width, sample.height), (processed.sample.width, processed.sample.height));
        assert!(distance(hash, processed.perceptual_hash) <= 4, "{name}");
        let pairs = sample.pixels.iter().zip(&processed.sample.pixels);
        let sum: u64 = pairs.map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
        assert!(sum <= 3 * sample.pixels.len() as u64, "{name}: {sum}");
    }
}

#[test]
fn a_crop_is_cut_from_the_upright_picture() {
    let limits = Limits::default();
    let corners = [(0.0, 0.0, RED), (0.5, 0.0, GREEN), (0.0, 0.5, BLUE), (0.5, 0.5, YELLOW)];
    for orientation in 1..=8 {
        let file = with_exif(&jpeg(&stored_for(orientation, &quadrants(1600, 1000))), orientation);
        for (x, y, color) in corners {
            let crop = Crop { x: x + 0.1, y: y + 0.1, width: 0.2, height: 0.3 };
            let (sample, _) = sample_image(&file, "image/jpeg", &limits, Some(crop)).unwrap();
            assert_eq!((sample.width, sample.height), (320, 300), "{orientation}");
            check_close(sample.pixels[..3].try_into().unwrap(), color, 5);
            check_close(sample.pixels[320 * 299 * 3..][..3].try_into().unwrap(), color, 5);
        }
    }
    let cat = open_photo("chelsea.png");
    let crop = Crop { x: 0.25, y: 0.2, width: 0.5, height: 0.6 };
    let (_, hash) = sample_image(&photo("chelsea.png"), "image/png", &limits, Some(crop)).unwrap();
    let cut = jpeg(&crop_imm(&cat, 113, 60, 225, 180).to_image());
    assert!(distance(hash, hash_of(&cut, "image/jpeg")) <= 6, "the hash is of the part");
}

#[test]
fn a_crop_beyond_the_picture_is_refused() {
    let file = jpeg(&quadrants(400, 300));
    let whole = Crop { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };
    for crop in [
        Crop { x: -0.1, ..whole },
        Crop { x: 0.1, ..whole },
        Crop { y: 0.5, height: 0.6, ..whole },
        Crop { width: 0.0, ..whole },
        Crop { height: -0.5, ..whole },
        Crop { width: f64::NAN, ..whole },
        Crop { y: f64::INFINITY, ..whole },
        Crop { width: 0.01, ..whole },
    ] {
        let error = sample_image(&file, "image/jpeg", &Limits::default(), Some(crop)).unwrap_err();
        assert_eq!(error, MediaError::BadCrop, "{crop:?}");
        assert!(!error.is_retryable() && error.code() == "bad_crop");
    }
    let limits = Limits { max_pixels: 1000, ..Limits::default() };
    let error = sample_image(&file, "image/jpeg", &limits, None).unwrap_err();
    assert_eq!(error.code(), "too_many_pixels");
    let error = sample_image(&file, "image/png", &Limits::default(), None).unwrap_err();
    assert_eq!(error.code(), "type_mismatch");
}
