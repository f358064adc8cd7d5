//! Sizes, formats, uprightness, and what must be gone.

use std::cell::RefCell;

use image::{ImageFormat, RgbImage};

use super::build::*;
use super::{all, check_color, open, process};
use crate::{Limits, encode_jpeg, process_image, sniff};

#[track_caller]
fn check_sizes(source: (u32, u32), large: (u32, u32), medium: (u32, u32), thumbnail: u32) {
    let processed = process(&jpeg(&scenery(source.0, source.1)), "image/jpeg").unwrap();
    assert_eq!((processed.width, processed.height), source);
    let sizes = all(&processed).map(|file| {
        open(file);
        (file.width, file.height)
    });
    assert_eq!(sizes, [large, medium, (thumbnail, thumbnail), medium, medium], "{source:?}");
}

#[test]
fn sizes_fit_their_boxes_and_never_grow() {
    check_sizes((1600, 1200), (1080, 810), (640, 480), 150);
    check_sizes((1200, 1601), (809, 1080), (480, 640), 150);
    check_sizes((1080, 1080), (1080, 1080), (640, 640), 150);
    check_sizes((700, 500), (700, 500), (640, 457), 150);
    check_sizes((333, 217), (333, 217), (333, 217), 150);
    check_sizes((120, 90), (120, 90), (120, 90), 90);
    check_sizes((1, 1), (1, 1), (1, 1), 1);
    check_sizes((1, 300), (1, 300), (1, 300), 1);
}

#[test]
fn a_panorama_still_fills_its_thumbnail() {
    check_sizes((3000, 160), (1080, 58), (640, 34), 150);
    check_sizes((5000, 20), (1080, 4), (640, 3), 20);
}

#[test]
fn outputs_are_what_they_say() {
    let processed = process(&jpeg(&scenery(800, 600)), "image/jpeg").unwrap();
    for file in [&processed.large, &processed.medium, &processed.thumbnail] {
        assert_eq!(file.content_type, "image/jpeg");
        assert_eq!(sniff(&file.bytes), Some(crate::ImageFormat::Jpeg));
    }
    assert_eq!(processed.webp.content_type, "image/webp");
    assert!(processed.webp.bytes[12..].starts_with(b"VP8 "), "lossy, without extensions");
    assert_eq!(processed.avif.content_type, "image/avif");
    assert_eq!(AvifContainer::parse(&processed.avif.bytes).size, (640, 480));
    assert_eq!(processed.blurhash.len(), 28, "4 x 3 components");
    assert_eq!(processed.format, crate::ImageFormat::Jpeg);
}

/// Stores quadrants so that `orientation` makes them upright, by EXIF's table of where row 0 and column 0 are.
pub(super) fn stored_for(orientation: u16, upright: &RgbImage) -> RgbImage {
    use image::imageops::{flip_horizontal, flip_vertical, rotate90, rotate180, rotate270};
    match orientation {
        1 => upright.clone(),
        2 => flip_horizontal(upright),
        3 => rotate180(upright),
        4 => flip_vertical(upright),
        5 => flip_horizontal(&rotate90(upright)),
        6 => rotate270(upright),
        7 => flip_horizontal(&rotate270(upright)),
        _ => rotate90(upright),
    }
}

#[track_caller]
fn check_upright(file: &[u8], content_type: &str, what: &str) {
    let processed = process(file, content_type).unwrap();
    assert_eq!((processed.width, processed.height), (320, 200), "{what}");
    assert_eq!((processed.large.width, processed.large.height), (320, 200), "{what}");
    for output in all(&processed) {
        check_color(output, (0.2, 0.2), RED, 6.0);
        check_color(output, (0.8, 0.2), GREEN, 6.0);
        check_color(output, (0.2, 0.8), BLUE, 6.0);
        check_color(output, (0.8, 0.8), YELLOW, 6.0);
        for secret in [b"SECRETPLACE".as_slice(), b"Exif", b"http://ns.adobe"] {
            let found = output.bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{what}: metadata in {}", output.content_type);
        }
    }
}

#[test]
fn every_orientation_comes_out_upright_and_without_its_place() {
    for orientation in 1..=8 {
        let stored = stored_for(orientation, &quadrants(320, 200));
        let (width, height) = stored.dimensions();
        let photo = with_exif(&jpeg(&stored), orientation);
        check_upright(&photo, "image/jpeg", &format!("JPEG, {orientation}"));
        let photo = with_png_chunk(&write(stored.clone(), ImageFormat::Png), b"eXIf", &exif(orientation));
        check_upright(&photo, "image/png", &format!("PNG, {orientation}"));
        let webp = write(stored, ImageFormat::WebP);
        let photo = webp_with_exif(&webp, width, height, &exif(orientation));
        check_upright(&photo, "image/webp", &format!("WebP, {orientation}"));
    }
}

#[test]
fn a_nonsensical_orientation_is_ignored() {
    for orientation in [0, 9, 300] {
        check_upright(&with_exif(&jpeg(&quadrants(320, 200)), orientation), "image/jpeg", "nonsense");
    }
}

#[test]
fn text_and_xmp_do_not_survive() {
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>SECRETPLACE</x:xmpmeta>";
    let photo = with_segment(&jpeg(&quadrants(320, 200)), 0xe1, xmp);
    check_upright(&with_segment(&photo, 0xfe, b"SECRETPLACE"), "image/jpeg", "XMP and comment");
    let png = write(quadrants(320, 200), ImageFormat::Png);
    check_upright(&with_png_chunk(&png, b"tEXt", b"GPS\0SECRETPLACE"), "image/png", "text chunk");
}

#[test]
fn progress_rises_to_a_hundred() {
    let heard = RefCell::new(Vec::new());
    let listen = |percent| heard.borrow_mut().push(percent);
    process_image(&jpeg(&scenery(200, 200)), "image/jpeg", &Limits::default(), &listen).unwrap();
    let heard = heard.into_inner();
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&100));
}

#[test]
fn the_same_bytes_give_the_same_result() {
    let photo = jpeg(&scenery(900, 500));
    assert_eq!(process(&photo, "image/jpeg").unwrap(), process(&photo, "image/jpeg").unwrap());
}

#[test]
fn painted_pictures_become_jpegs() {
    let picture = quadrants(64, 48);
    let file = encode_jpeg(picture.as_raw(), 64, 48, 90).unwrap();
    assert_eq!(image::load_from_memory(&file).unwrap().width(), 64);
    for (width, height) in [(0, 48), (64, 0), (64, 47), (65, 48), (u32::MAX, u32::MAX)] {
        assert_eq!(encode_jpeg(picture.as_raw(), width, height, 90).unwrap_err().code(), "encoding_failed");
    }
}
