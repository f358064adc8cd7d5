//! The photographs in `tests/fixtures/photos`, by the table in their README.

use super::{all, check_color, mean_at, open, process};
use crate::{ProcessedImage, sniff};

fn photo(name: &str) -> ProcessedImage {
    let path = format!("{}/../../tests/fixtures/photos/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(path).unwrap();
    process(&bytes, sniff(&bytes).unwrap().content_type()).unwrap()
}

#[track_caller]
fn check_photo(name: &str, size: (u32, u32), medium: (u32, u32), colors: [((f64, f64), [u8; 3]); 2]) {
    let processed = photo(name);
    assert_eq!((processed.width, processed.height), size);
    assert_eq!((processed.medium.width, processed.medium.height), medium);
    assert_eq!((processed.thumbnail.width, processed.thumbnail.height), (150, 150));
    for (point, expected) in colors {
        for output in [&processed.large, &processed.medium, &processed.avif, &processed.webp] {
            let is_visible = mean_at(&open(output), point.0, point.1)[3] > 250.0;
            if is_visible {
                check_color(output, point, expected, 6.0);
            }
        }
    }
    for output in all(&processed) {
        for trace in [b"Exif".as_slice(), b"Example", b"GPS", b"ICC_PROFILE", b"acsp"] {
            assert!(
                !output.bytes.windows(trace.len()).any(|window| window == trace),
                "{name}: {}",
                output.content_type
            );
        }
    }
}

#[test]
fn twelve_megapixels_upright_and_on_their_side() {
    let colors = [((0.2, 0.4), [168, 41, 14]), ((0.05, 0.05), [35, 23, 13])];
    check_photo("coffee-12mp.jpg", (4000, 3000), (640, 480), colors);
    check_photo("coffee-12mp-orientation-6-gps.jpg", (4000, 3000), (640, 480), colors);
}

#[test]
fn a_cut_out() {
    let colors = [((0.4, 0.4), [234, 147, 54]), ((0.05, 0.05), [255, 255, 255])];
    check_photo("coffee-alpha.png", (400, 400), (400, 400), colors);
    let processed = photo("coffee-alpha.png");
    for output in [&processed.avif, &processed.webp] {
        assert!(mean_at(&open(output), 0.05, 0.05)[3] < 3.0, "{}", output.content_type);
    }
}

#[test]
fn wide_gamut_photos() {
    let colors = [((0.3, 0.65), [229, 117, 80]), ((0.7, 0.3), [219, 207, 198])];
    check_photo("astronaut-display-p3.jpg", (512, 512), (512, 512), colors);
    let colors = [((0.2, 0.5), [39, 78, 122]), ((0.85, 0.05), [0, 20, 43])];
    check_photo("rocket.jpg", (640, 427), (640, 427), colors);
    check_photo("rocket.webp", (640, 427), (640, 427), colors);
    check_photo("rocket.avif", (640, 427), (640, 427), colors);
}

#[test]
fn png_and_gif() {
    let colors = [((0.8, 0.95), [192, 168, 152]), ((0.15, 0.05), [137, 80, 60])];
    check_photo("chelsea.png", (451, 300), (451, 300), colors);
    let colors = [((0.95, 0.25), [131, 109, 99]), ((0.15, 0.95), [188, 157, 143])];
    check_photo("animated.gif", (300, 200), (300, 200), colors);
}
