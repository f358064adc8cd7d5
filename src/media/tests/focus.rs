//! The thumbnail shows what matters.

use image::{Rgb, RgbImage};

use super::build::*;
use super::{check_color, process};

const SKY: [u8; 3] = [150, 160, 170];
const SUBJECT: [u8; 3] = [210, 90, 40];

/// An even sky with a striped disc, a third of the short side in radius, around a point given as fractions.
fn subject_at(width: u32, height: u32, (x, y): (f64, f64)) -> RgbImage {
    let radius = f64::from(width.min(height)) / 3.0;
    let center = (x * f64::from(width), y * f64::from(height));
    RgbImage::from_fn(width, height, |column, row| {
        let distance = (f64::from(column) - center.0).hypot(f64::from(row) - center.1);
        let is_stripe = row / 12 % 8 == 0;
        Rgb(if distance > radius {
            SKY
        } else if is_stripe {
            [40, 20, 20]
        } else {
            SUBJECT
        })
    })
}

/// The share of the thumbnail that looks like the subject.
fn subject_share(file: &[u8], content_type: &str) -> f64 {
    let thumbnail = super::open(&process(file, content_type).unwrap().thumbnail);
    let is_subject = |pixel: &&image::Rgba<u8>| i32::from(pixel[0]) - i32::from(pixel[2]) > 60;
    thumbnail.pixels().filter(is_subject).count() as f64 / f64::from(thumbnail.width() * thumbnail.height())
}

#[test]
fn the_subject_is_in_the_thumbnail_wherever_it_stands() {
    // A disc of that radius fills 0.35 of the square, less its stripes.
    for place in [0.15, 0.3, 0.5, 0.7, 0.85] {
        for picture in [subject_at(900, 300, (place, 0.5)), subject_at(300, 900, (0.5, place))] {
            let share = subject_share(&jpeg(&picture), "image/jpeg");
            assert!(share > 0.27, "at {place} of {:?}: {share}", picture.dimensions());
        }
    }
}

#[test]
fn a_turned_panorama_keeps_its_subject() {
    // So low that the thumbnail is cut from the stored picture, before it is turned.
    for orientation in 1..=8 {
        let upright = subject_at(3200, 160, (0.2, 0.5));
        let stored = super::outputs::stored_for(orientation, &upright);
        let share = subject_share(&with_exif(&jpeg(&stored), orientation), "image/jpeg");
        assert!(share > 0.27, "orientation {orientation}: {share}");
    }
}

#[test]
fn where_nothing_stands_out_the_middle_is_cut() {
    for (width, height) in [(900, 300), (300, 900)] {
        let plain = RgbImage::from_pixel(width, height, Rgb([90, 90, 90]));
        let raster = crate::raster::Raster {
            width,
            height,
            channels: crate::raster::Channels::Rgb,
            pixels: plain.clone().into_raw(),
        };
        assert_eq!(crate::focus::find_focus(&raster).unwrap(), crate::focus::Focus::CENTER);
        check_color(&process(&jpeg(&plain), "image/jpeg").unwrap().thumbnail, (0.5, 0.5), [90; 3], 2.0);
    }
}

#[test]
fn a_face_goes_before_an_even_colour() {
    // Skin at the left, a blue of the same size at the right.
    let picture = RgbImage::from_fn(900, 300, |x, y| {
        let in_band = (60..240).contains(&y);
        Rgb(match x {
            40..220 if in_band => [214, 160, 126],
            680..860 if in_band => [70, 90, 150],
            _ => [200, 200, 200],
        })
    });
    let thumbnail = process(&jpeg(&picture), "image/jpeg").unwrap().thumbnail;
    let center = super::mean_at(&super::open(&thumbnail), 0.5, 0.5);
    assert!(center[0] > center[2] + 40.0, "{center:?}");
}
