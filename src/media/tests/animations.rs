//! Animations: what is kept of them, and what it may cost.

use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::codecs::webp::WebPDecoder;
use image::metadata::LoopCount;
use image::{AnimationDecoder, Delay, Frame, ImageDecoder, Rgba, RgbaImage};

use super::build::*;
use super::process;
use crate::EncodedImage;

/// A canvas of one colour with a square of another somewhere on it.
fn square_at(x: u32, width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |column, row| {
        let is_inside = (x..x + 20).contains(&column) && (10..30).contains(&row);
        let [red, green, blue] = if is_inside { RED } else { BLUE };
        Rgba([red, green, blue, 255])
    })
}

fn gif(frames: &[(RgbaImage, u32)], repeat: Option<Repeat>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 10);
    if let Some(repeat) = repeat {
        encoder.set_repeat(repeat).unwrap();
    }
    for (picture, duration_ms) in frames {
        let delay = Delay::from_saturating_duration(Duration::from_millis((*duration_ms).into()));
        encoder.encode_frame(Frame::from_parts(picture.clone(), 0, 0, delay)).unwrap();
    }
    drop(encoder);
    bytes
}

/// What a browser would show: each canvas with its time in milliseconds, and how often all is played (0: for ever).
fn play(file: &EncodedImage) -> (Vec<(RgbaImage, u32)>, u32) {
    assert_eq!(file.content_type, "image/webp");
    let decoder = WebPDecoder::new(std::io::Cursor::new(&file.bytes)).unwrap();
    assert!(decoder.has_animation());
    assert_eq!(decoder.dimensions(), (file.width, file.height));
    let plays = match decoder.loop_count() {
        LoopCount::Infinite => 0,
        LoopCount::Finite(count) => count.get(),
    };
    let by_libwebp = webp::AnimDecoder::new(&file.bytes).decode().unwrap();
    let frames: Vec<_> = decoder
        .into_frames()
        .map(|frame| {
            let frame = frame.unwrap();
            let duration_ms = frame.delay().numer_denom_ms().0;
            (frame.into_buffer(), duration_ms)
        })
        .collect();
    assert_eq!(by_libwebp.len(), frames.len(), "libwebp reads the same frames");
    (frames, plays)
}

#[track_caller]
fn check_pixel(picture: &RgbaImage, x: u32, y: u32, expected: [u8; 3]) {
    let actual = picture.get_pixel(x, y).0;
    let is_close = (0..3).all(|channel| actual[channel].abs_diff(expected[channel]) <= 12) && actual[3] == 255;
    assert!(is_close, "{actual:?} at {x},{y}, expected {expected:?}");
}

#[test]
fn a_gif_keeps_its_frames_their_times_and_its_repetitions() {
    let frames: Vec<_> = [(0, 40), (30, 120), (60, 5), (60, 200), (90, 80)]
        .map(|(x, duration_ms)| (square_at(x, 120, 40), duration_ms))
        .into();
    for (repeat, expected) in [(None, 1), (Some(Repeat::Infinite), 0), (Some(Repeat::Finite(2)), 3)] {
        let processed = process(&gif(&frames, repeat), "image/gif").unwrap();
        let (shown, plays) = play(processed.animation.as_ref().unwrap());
        assert_eq!(plays, expected, "{repeat:?}");
        // Too short a time is a tenth of a second, as browsers have it; what looks the same is one frame.
        let durations: Vec<_> = shown.iter().map(|(_, duration_ms)| *duration_ms).collect();
        assert_eq!(durations, [40, 120, 300, 80]);
        for ((picture, _), x) in shown.iter().zip([0, 30, 60, 90]) {
            check_pixel(picture, x + 10, 20, RED);
            check_pixel(picture, (x + 60) % 120, 20, BLUE);
            check_pixel(picture, 110 - x, 37, BLUE);
        }
        // The first frame remains the picture.
        super::check_color(&processed.large, (0.08, 0.5), RED, 8.0);
    }
}

#[test]
fn one_frame_or_frames_that_look_the_same_are_no_animation() {
    let still = square_at(0, 64, 40);
    for count in [1, 4] {
        let file = gif(&vec![(still.clone(), 100); count], Some(Repeat::Infinite));
        assert_eq!(process(&file, "image/gif").unwrap().animation, None, "{count}");
    }
    assert_eq!(process(&jpeg(&quadrants(64, 40)), "image/jpeg").unwrap().animation, None);
}

#[test]
fn a_large_animation_is_scaled_and_keeps_transparency() {
    let disc = |x: u32| {
        RgbaImage::from_fn(900, 450, move |column, row| {
            let is_inside = column.abs_diff(x).pow(2) + row.abs_diff(225).pow(2) < 150u32.pow(2);
            Rgba(if is_inside { [RED[0], RED[1], RED[2], 255] } else { [0; 4] })
        })
    };
    let file = gif(&[(disc(200), 100), (disc(700), 100)], Some(Repeat::Infinite));
    let processed = process(&file, "image/gif").unwrap();
    let animation = processed.animation.unwrap();
    assert_eq!((animation.width, animation.height), (640, 320));
    let (shown, _) = play(&animation);
    // The `image` crate's encoder asks for each frame to be disposed of.
    for ((picture, _), (here, there)) in shown.iter().zip([(142, 497), (497, 142)]) {
        check_pixel(picture, here, 160, RED);
        assert_eq!(picture.get_pixel(320, 20)[3], 0);
        assert_eq!(picture.get_pixel(there, 160)[3], 0);
    }
}

/// A chunk of a WebP animation: place, time in milliseconds, flags and the picture's chunks.
fn anmf(left: u32, top: u32, picture: &RgbaImage, flags: u8, is_lossy: bool) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let mut body = Vec::new();
    for number in [left / 2, top / 2, width - 1, height - 1, 70] {
        body.extend(&number.to_le_bytes()[..3]);
    }
    body.push(flags);
    let rgb = image::DynamicImage::from(picture.clone()).into_rgb8();
    let file = if is_lossy {
        webp::Encoder::from_rgb(rgb.as_raw(), width, height).encode(90.0).to_vec()
    } else {
        write(picture.clone(), image::ImageFormat::WebP)
    };
    for found in crate::header::chunks(&file).filter(|chunk| matches!(chunk.kind, b"VP8 " | b"VP8L")) {
        body.extend(chunk(found.kind.try_into().unwrap(), found.body));
    }
    chunk(b"ANMF", &body)
}

fn animated_webp(width: u32, height: u32, frames: &[Vec<u8>], after: &[u8]) -> Vec<u8> {
    let start = chunk(b"ANIM", &[0, 0, 0, 0, 5, 0]);
    let body = [start, frames.concat(), after.to_vec()].concat();
    let flags = 0x02 | 0x10 | if after.is_empty() { 0 } else { 0x08 };
    extended_webp(&[0; 12], (width, height), flags, &body, &[])
}

const BLENDS: u8 = 0;
const REPLACES: u8 = 2;
const DISPOSES: u8 = 1;

#[test]
fn a_webp_is_disposed_of_and_blended_as_it_says() {
    let full = |color: [u8; 3]| RgbaImage::from_pixel(80, 60, Rgba([color[0], color[1], color[2], 255]));
    let small = |color: [u8; 3]| RgbaImage::from_pixel(20, 20, Rgba([color[0], color[1], color[2], 255]));
    for is_lossy in [false, true] {
        let frames = [
            anmf(0, 0, &full(BLUE), REPLACES, is_lossy),
            anmf(10, 10, &small(RED), BLENDS | DISPOSES, is_lossy),
            anmf(40, 30, &small(GREEN), REPLACES, is_lossy),
            // Transparent pixels: laid over, they change nothing; put in place, they do.
            anmf(0, 0, &RgbaImage::new(20, 8), BLENDS, false),
            anmf(60, 40, &RgbaImage::new(20, 20), REPLACES, false),
        ];
        let orientation = exif(1);
        let file = animated_webp(80, 60, &frames, &chunk(b"EXIF", &orientation));
        let processed = process(&file, "image/webp").unwrap();
        let animation = processed.animation.unwrap();
        let (shown, plays) = play(&animation);
        assert_eq!(plays, 5);
        let durations: Vec<_> = shown.iter().map(|(_, duration_ms)| *duration_ms).collect();
        assert_eq!(durations, [70, 70, 140, 70], "the fourth frame changes nothing");
        check_pixel(&shown[0].0, 20, 20, BLUE);
        check_pixel(&shown[1].0, 20, 20, RED);
        check_pixel(&shown[1].0, 50, 40, BLUE);
        assert_eq!(shown[2].0.get_pixel(20, 20)[3], 0, "disposed of");
        check_pixel(&shown[2].0, 50, 40, GREEN);
        check_pixel(&shown[3].0, 5, 5, BLUE);
        assert_eq!(shown[3].0.get_pixel(70, 50)[3], 0);
        let text = String::from_utf8_lossy(&animation.bytes).into_owned();
        assert!(!text.contains("SECRETPLACE") && !text.contains("EXIF"), "metadata is gone");
    }
}

#[test]
fn a_turned_webp_is_upright() {
    let frames = [0, 1].map(|index| {
        let upright = if index == 0 { quadrants(60, 40) } else { image::imageops::rotate180(&quadrants(60, 40)) };
        let stored = super::outputs::stored_for(6, &upright);
        anmf(0, 0, &image::DynamicImage::from(stored).into_rgba8(), REPLACES, false)
    });
    let file = animated_webp(40, 60, &frames, &chunk(b"EXIF", &exif(6)));
    let animation = process(&file, "image/webp").unwrap().animation.unwrap();
    assert_eq!((animation.width, animation.height), (60, 40));
    let (shown, _) = play(&animation);
    check_pixel(&shown[0].0, 15, 10, RED);
    check_pixel(&shown[1].0, 15, 10, YELLOW);
}

#[test]
fn a_long_animation_is_thinned_and_keeps_its_length() {
    let frames: Vec<_> = (0..450).map(|index| (square_at(index % 100, 120, 40), 50)).collect();
    let animation = process(&gif(&frames, Some(Repeat::Infinite)), "image/gif").unwrap().animation.unwrap();
    let (shown, _) = play(&animation);
    assert_eq!(shown.len(), 150);
    assert!(shown.iter().all(|(_, duration_ms)| *duration_ms == 150));
    check_pixel(&shown[10].0, 40, 20, RED);
}

#[test]
fn what_can_be_read_of_a_broken_animation_is_kept() {
    let frames: Vec<_> = (0..10).map(|index| (square_at(index * 10, 120, 40), 50)).collect();
    let file = gif(&frames, Some(Repeat::Infinite));
    let processed = process(&file[..file.len() * 7 / 10], "image/gif").unwrap();
    let (shown, _) = play(&processed.animation.unwrap());
    assert!((5..10).contains(&shown.len()), "{}", shown.len());
}

#[test]
fn a_costly_animation_leaves_its_still() {
    let costly = |width: u32, height: u32, frames: u32| {
        let tiny = |index: u32| RgbaImage::from_pixel(2, 2, Rgba([index as u8, 0, 0, 255]));
        let first = anmf(0, 0, &RgbaImage::from_pixel(width, height, Rgba([9, 9, 9, 255])), REPLACES, false);
        let rest = (1..frames).map(|index| anmf(0, 0, &tiny(index), REPLACES, false));
        animated_webp(width, height, &std::iter::once(first).chain(rest).collect::<Vec<_>>(), &[])
    };
    for (width, height, frames) in [(2100, 2000, 2), (1000, 900, 120)] {
        let processed = process(&costly(width, height, frames), "image/webp").unwrap();
        assert_eq!(processed.animation, None, "{width} x {height} x {frames}");
        assert_eq!((processed.width, processed.height), (width, height));
    }
    // A frame that says it is small and is not.
    let mut lying = anmf(0, 0, &RgbaImage::new(400, 400), REPLACES, false);
    lying[8 + 6..8 + 12].copy_from_slice(&[3, 0, 0, 3, 0, 0]);
    let first = anmf(0, 0, &square_at(0, 64, 40), REPLACES, false);
    assert_eq!(process(&animated_webp(64, 40, &[first, lying], &[]), "image/webp").unwrap().animation, None);
}
