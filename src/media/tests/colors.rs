//! Colour profiles, CMYK, and the fidelity of the encoders.

use image::{Rgb, RgbImage};
use moxcms::{ColorProfile, Layout, TransformOptions};
use turbojpeg::Subsamp;

use super::build::*;
use super::{all, check_color, open, process};

/// Colours that differ visibly between the profiles, as sRGB.
const COLORS: [[u8; 3]; 4] = [[230, 60, 40], [60, 180, 70], [50, 80, 200], [240, 220, 90]];

fn patches() -> RgbImage {
    RgbImage::from_fn(320, 160, |x, _| Rgb(COLORS[x as usize / 80]))
}

/// The same colours in the numbers of another profile.
fn encoded_in(profile: &ColorProfile) -> RgbImage {
    let source = patches();
    let mut target = source.clone();
    ColorProfile::new_srgb()
        .create_transform_8bit(Layout::Rgb, profile, Layout::Rgb, TransformOptions::default())
        .unwrap()
        .transform(source.as_raw(), &mut target)
        .unwrap();
    target
}

#[track_caller]
fn check_patches(file: &[u8], content_type: &str, tolerance: f64) {
    let processed = process(file, content_type).unwrap();
    for output in [&processed.large, &processed.medium, &processed.avif, &processed.webp] {
        for (index, color) in COLORS.into_iter().enumerate() {
            check_color(output, (0.125 + 0.25 * index as f64, 0.5), color, tolerance);
        }
        assert!(!output.bytes.windows(4).any(|window| window == b"acsp"), "a profile in {}", output.content_type);
    }
}

#[test]
fn wide_gamut_becomes_srgb() {
    for profile in [ColorProfile::new_display_p3(), ColorProfile::new_adobe_rgb(), ColorProfile::new_pro_photo_rgb()] {
        let picture = encoded_in(&profile);
        assert_ne!(picture, patches(), "the numbers differ");
        let bytes = profile.encode().unwrap();
        check_patches(&with_profile(&jpeg(&picture), &bytes), "image/jpeg", 7.0);
        let webp = webp_with_profile(&write(picture.clone(), image::ImageFormat::WebP), 320, 160, &bytes);
        check_patches(&webp, "image/webp", 7.0);
        check_patches(&png_with_profile(&picture, bytes), "image/png", 7.0);
    }
}

#[test]
fn a_profile_in_two_segments_is_joined_whatever_their_order() {
    let profile = ColorProfile::new_display_p3();
    let bytes = profile.encode().unwrap();
    let (head, tail) = bytes.split_at(100);
    let part = |number: u8, data: &[u8]| [b"ICC_PROFILE\0".as_slice(), &[number, 2], data].concat();
    let photo = jpeg(&encoded_in(&profile));
    // Each segment is put before the one that was put last.
    let in_order = with_segment(&with_segment(&photo, 0xe2, &part(2, tail)), 0xe2, &part(1, head));
    let reversed = with_segment(&with_segment(&photo, 0xe2, &part(1, head)), 0xe2, &part(2, tail));
    check_patches(&in_order, "image/jpeg", 7.0);
    check_patches(&reversed, "image/jpeg", 7.0);
}

#[test]
fn a_broken_or_foreign_profile_is_ignored() {
    let photo = jpeg(&patches());
    check_patches(&with_profile(&photo, b"no profile at all"), "image/jpeg", 6.0);
    let grey = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    check_patches(&with_profile(&photo, &grey[..grey.len() / 2]), "image/jpeg", 6.0);
    let mut lab = ColorProfile::new_display_p3().encode().unwrap();
    lab[16..20].copy_from_slice(b"Lab ");
    check_patches(&with_profile(&photo, &lab), "image/jpeg", 6.0);
}

#[test]
fn a_grey_profile_is_applied_to_greys() {
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let photo = jpeg_with(&RgbImage::from_pixel(64, 64, Rgb([55; 3])), |jpeg| jpeg.set_subsamp(Subsamp::Gray).unwrap());
    let processed = process(&with_profile(&photo, &profile), "image/jpeg").unwrap();
    // Linear 55 of 255 is 128 in sRGB.
    check_color(&processed.large, (0.5, 0.5), [128; 3], 3.0);
}

#[test]
fn cmyk_jpegs_are_mixed_from_their_inks() {
    let inks: Vec<u8> = (0..64 * 64).flat_map(|_| [0, 200, 220, 20]).collect();
    let expected = [235, 51, 32];
    for (has_marker, samples) in [(false, inks.clone()), (true, inks.iter().map(|ink| 255 - ink).collect())] {
        let mut compressor = turbojpeg::Compressor::new().unwrap();
        compressor.set_quality(95).unwrap();
        compressor.set_subsamp(Subsamp::None).unwrap();
        compressor.set_colorspace(turbojpeg::Colorspace::CMYK).unwrap();
        let source = turbojpeg::Image {
            pixels: samples.as_slice(),
            width: 64,
            pitch: 256,
            height: 64,
            format: turbojpeg::PixelFormat::CMYK,
        };
        let photo = without_adobe_marker(&compressor.compress_to_vec(source).unwrap());
        let photo = if has_marker { with_segment(&photo, 0xee, b"Adobe\0\x64\0\0\0\0\0") } else { photo };
        let processed = process(&photo, "image/jpeg").unwrap();
        check_color(&processed.large, (0.5, 0.5), expected, 5.0);
        check_color(&processed.avif, (0.5, 0.5), expected, 5.0);
    }
}

/// libjpeg-turbo writes the marker as the first segment of a CMYK picture.
fn without_adobe_marker(jpeg: &[u8]) -> Vec<u8> {
    let start = jpeg.windows(2).position(|window| window == [0xff, 0xee]).unwrap();
    let length = usize::from(u16::from_be_bytes([jpeg[start + 2], jpeg[start + 3]]));
    [&jpeg[..start], &jpeg[start + 2 + length..]].concat()
}

#[test]
fn outputs_stay_close_to_the_source() {
    let source = image::DynamicImage::from(scenery(640, 427)).into_rgba8();
    let processed = process(&write(scenery(640, 427), image::ImageFormat::Png), "image/png").unwrap();
    for output in [&processed.large, &processed.medium, &processed.avif, &processed.webp] {
        let picture = open(output);
        let total: u64 = source
            .as_raw()
            .iter()
            .zip(picture.as_raw())
            .map(|(expected, actual)| u64::from(expected.abs_diff(*actual)))
            .sum();
        let mean = total as f64 / source.as_raw().len() as f64;
        assert!(mean < 3.0, "{}: mean error {mean}", output.content_type);
    }
}

#[test]
fn white_stays_white_and_black_black() {
    for value in [0, 255] {
        let photo = jpeg(&RgbImage::from_pixel(200, 201, Rgb([value; 3])));
        for output in all(&process(&photo, "image/jpeg").unwrap()) {
            check_color(output, (0.5, 0.5), [value; 3], 1.0);
        }
    }
}
