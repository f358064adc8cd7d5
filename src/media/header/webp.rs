//! The chunks of a WebP (RFC 9649): canvas or frame size, animation frames, EXIF.

use image::metadata::Orientation;

use super::{AnimationHeader, Details, Header, Reader, exif_orientation};
use crate::{ImageFormat, Limits, MediaError};

const FORMAT: ImageFormat = ImageFormat::WebP;

/// Output, a canvas or lossless frame of four bytes and the planes of a lossy one, per pixel.
const DECODE_BYTES_PER_PIXEL: u64 = 10;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Header, MediaError> {
    let mut size = None;
    let mut largest_pixels = 0;
    let mut frames = 0;
    let mut plays = 1;
    let mut orientation = Orientation::NoTransforms;
    for Chunk { kind, length, body } in chunks(bytes) {
        match kind {
            // The decoder allocates these by their stated length.
            b"ICCP" | b"EXIF" if body.len() < length => {
                return Err(MediaError::corrupt(FORMAT, "a chunk is cut short"));
            }
            b"ICCP" if length as u64 > limits.max_metadata_bytes => {
                return Err(MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes });
            }
            b"VP8X" | b"VP8 " | b"VP8L" => {
                let stated = read_size(kind, body);
                size = size.or(stated); // The first of these stands first in the file and rules.
                largest_pixels = largest_pixels.max(stated.map_or(0, pixels_of));
            }
            b"ANIM" => plays = body.get(4..6).map_or(plays, |count| u16::from_le_bytes([count[0], count[1]])),
            b"ANMF" => frames += 1,
            b"EXIF" => orientation = exif_orientation(body),
            _ => {}
        }
    }
    let (width, height) = size.ok_or_else(|| MediaError::corrupt(FORMAT, "no frame header"))?;
    Ok(Header {
        format: FORMAT,
        width,
        height,
        frames: frames.max(1),
        orientation,
        animation: (frames > 1).then_some(AnimationHeader { plays, largest_frame_pixels: pixels_of((width, height)) }),
        // The decoder allocates by what the canvas says, and by what its picture says.
        decode_bytes: largest_pixels * DECODE_BYTES_PER_PIXEL,
        details: Details::None,
    })
}

fn pixels_of((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// A chunk of a WebP, or of a frame of one.
pub(crate) struct Chunk<'a> {
    pub kind: &'a [u8],
    length: usize,
    /// As long as stated, or what the file has of it.
    pub body: &'a [u8],
}

/// The chunks of a file.
pub(crate) fn chunks(file: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    // `RIFF`, the length and `WEBP`: `sniff` has seen them.
    let mut reader = Reader::new(file.get(12..).unwrap_or_default());
    std::iter::from_fn(move || next_chunk(&mut reader))
}

/// A frame of an animation, by its own header.
pub(crate) struct AnimationFrame<'a> {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    pub duration_ms: u32,
    /// Laid over the canvas, and not in its place.
    pub blends: bool,
    /// Its place becomes transparent before the next frame.
    pub disposes: bool,
    /// The chunks with the pixels.
    pub chunks: &'a [u8],
}

/// The frames of an animation. Those that state another size inside end it.
pub(crate) fn animation_frames(file: &[u8]) -> impl Iterator<Item = AnimationFrame<'_>> {
    chunks(file).filter(|chunk| chunk.kind == b"ANMF").map_while(|chunk| read_frame(chunk.body))
}

fn read_frame(body: &[u8]) -> Option<AnimationFrame<'_>> {
    let mut reader = Reader::new(body);
    let (left, top) = (reader.u24_le()? * 2, reader.u24_le()? * 2);
    let (width, height) = (reader.u24_le()? + 1, reader.u24_le()? + 1);
    let duration_ms = reader.u24_le()?;
    let flags = reader.byte()?;
    let chunks = reader.rest;
    let mut picture = Reader::new(chunks);
    while let Some(Chunk { kind, body, .. }) = next_chunk(&mut picture) {
        if matches!(kind, b"VP8 " | b"VP8L") && read_size(kind, body) != Some((width, height)) {
            return None;
        }
    }
    Some(AnimationFrame {
        left,
        top,
        width,
        height,
        duration_ms,
        blends: flags & 2 == 0,
        disposes: flags & 1 != 0,
        chunks,
    })
}

fn next_chunk<'a>(reader: &mut Reader<'a>) -> Option<Chunk<'a>> {
    let kind = reader.take(4)?;
    let length = reader.u32_le()? as usize;
    let body = reader.take(length.min(reader.rest.len()))?;
    if length % 2 == 1 {
        reader.take(1); // Chunks are padded to even lengths.
    }
    Some(Chunk { kind, length, body })
}

fn read_size(kind: &[u8], body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    match kind {
        b"VP8X" => {
            reader.take(4)?;
            Some((reader.u24_le()? + 1, reader.u24_le()? + 1))
        }
        b"VP8L" => {
            reader.take(1)?;
            let bits = reader.u32_le()?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        _ => {
            reader.take(6)?; // Frame tag and start code.
            Some((u32::from(reader.u16_le()? & 0x3fff), u32::from(reader.u16_le()? & 0x3fff)))
        }
    }
}
