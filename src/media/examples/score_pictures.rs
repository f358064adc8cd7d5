//! Scores PNGs by SSIMULACRA2 for `tessera bench media`: each line of standard input is a reference, a tab and what is
//! compared with it. A square beside a reference that is none is the part of it, scaled, that is most like it. Prints a
//! score for each line, 100 where there is no difference.

use std::error::Error;
use std::io::BufRead;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{ResizeOptions, Resizer};
use image::RgbImage;
use ssimulacra2::{LinearRgb, compute_frame_ssimulacra2};

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (reference, picture) = line.split_once('\t').ok_or("a line without a tab")?;
        let (reference, picture) = (image::open(reference)?.into_rgb8(), image::open(picture)?.into_rgb8());
        let reference =
            if reference.dimensions() == picture.dimensions() { reference } else { most_like(&reference, &picture)? };
        println!("{:.3}", compute_frame_ssimulacra2(linear(&reference)?, linear(&picture)?)?);
    }
    Ok(())
}

fn linear(picture: &RgbImage) -> Result<LinearRgb, Box<dyn Error>> {
    let to_linear = |sample: u8| {
        let value = f32::from(sample) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let pixels = picture.pixels().map(|pixel| pixel.0.map(to_linear)).collect();
    Ok(LinearRgb::new(pixels, picture.width() as usize, picture.height() as usize)?)
}

/// The square as high or as wide as `reference`, scaled to the size of `thumbnail`, that differs least from it.
fn most_like(reference: &RgbImage, thumbnail: &RgbImage) -> Result<RgbImage, Box<dyn Error>> {
    /// Places that are tried along the long side.
    const PLACES: u32 = 400;
    let mut best = (u64::MAX, RgbImage::new(1, 1));
    for place in 0..=PLACES {
        let part = square(reference, f64::from(place) / f64::from(PLACES), thumbnail.width())?;
        let pairs = part.as_raw().iter().zip(thumbnail.as_raw());
        let difference = pairs.map(|(one, other)| u64::from(one.abs_diff(*other)).pow(2)).sum();
        if difference < best.0 {
            best = (difference, part);
        }
    }
    Ok(best.1)
}

fn square(picture: &RgbImage, place: f64, side: u32) -> Result<RgbImage, Box<dyn Error>> {
    let source = TypedImageRef::<U8x3>::from_buffer(picture.width(), picture.height(), picture.as_raw())?;
    let mut pixels = vec![0; side as usize * side as usize * 3];
    let mut target = TypedImage::<U8x3>::from_buffer(side, side, &mut pixels)?;
    let options = ResizeOptions::new().fit_into_destination(Some((place, place)));
    Resizer::new().resize_typed(&source, &mut target, &options)?;
    RgbImage::from_raw(side, side, pixels).ok_or_else(|| "a buffer of another size".into())
}
