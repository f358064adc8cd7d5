//! Pictures for uploads: the photographs in `fixtures/photos`, and small ones made on the spot.

use image::{ImageFormat, Rgb, RgbImage};
use std::{io::Cursor, path::Path};

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
