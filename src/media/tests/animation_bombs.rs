//! Right animations that cost much: a twentieth of the most that is kept, as debug builds take long for them, and what
//! they cost grows with their pixels alone.

use image::RgbImage;
use image::codecs::gif::GifEncoder;

use super::build::*;
use super::corpus::{HostileFile, file};

/// Blocks of random colours, which no encoder makes small.
fn noise(side: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let hash = ((x / 8) ^ (y / 8).rotate_left(12) ^ seed.rotate_left(22)).wrapping_mul(0x9e37_79b1);
        let hash = (hash ^ hash >> 15).wrapping_mul(0x85eb_ca6b);
        image::Rgb([hash as u8 & 0xe0, (hash >> 8) as u8 & 0xe0, (hash >> 16) as u8 & 0xc0])
    })
}

/// The blocks of a GIF of one frame: what stands before it, and the frame.
fn blocks(gif: &[u8]) -> (&[u8], &[u8]) {
    let palette_bytes = if gif[10] & 0x80 == 0 { 0 } else { 3 * (2 << (gif[10] & 7)) };
    let (start, rest) = gif.split_at(13 + palette_bytes);
    (start, &rest[..rest.len() - 1])
}

pub(super) fn gif(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = picture.dimensions();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    encoder.encode(picture, width, height, image::ExtendedColorType::Rgb8).unwrap();
    drop(encoder);
    bytes
}

/// Two frames of the same size, in turns.
fn gif_in_turns(one: &RgbImage, other: &RgbImage, pairs: usize) -> Vec<u8> {
    let (one, other) = (gif(one), gif(other));
    let ((start, one), (_, other)) = (blocks(&one), blocks(&other));
    [start, &[one, other].concat().repeat(pairs), b";"].concat()
}

pub(super) fn animation_bombs() -> Vec<HostileFile> {
    let noisy = gif_in_turns(&noise(700, 1), &noise(700, 2), 5);
    // A large canvas that is composed anew for each of its tiny frames.
    let (canvas, dots) = (gif(&quadrants(2000, 2000)), gif(&noise(8, 1)));
    let ((start, first), (_, dot)) = (blocks(&canvas), blocks(&dots));
    let composed = [start, first, &dot.repeat(4), b";"].concat();
    let frame_of = |picture: &RgbImage| {
        let (width, height) = picture.dimensions();
        let file = webp::Encoder::from_rgb(picture.as_raw(), width, height).encode(20.0).to_vec();
        let numbers = [0, 0, width - 1, height - 1, 40].map(u32::to_le_bytes);
        let header: Vec<u8> = numbers.iter().flat_map(|number| number[..3].to_vec()).chain([0]).collect();
        chunk(b"ANMF", &[header.as_slice(), &file[12..]].concat())
    };
    let pair = [frame_of(&noise(700, 1)), frame_of(&noise(700, 2))].concat();
    let body = [chunk(b"ANIM", &[0; 6]), pair.repeat(5)].concat();
    let webp = extended_webp(&[0; 12], (700, 700), 2, &body, &[]);
    vec![
        file("a GIF of five million pixels of noise", "image/gif", "a picture", noisy),
        file("a GIF of a large canvas and tiny frames", "image/gif", "a picture", composed),
        file("a WebP of five million pixels of noise", "image/webp", "a picture", webp),
    ]
}
