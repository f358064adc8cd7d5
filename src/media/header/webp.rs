//! The chunks of a WebP (RFC 9649): canvas or frame size, animation frames, EXIF.

use image::metadata::Orientation;

use super::{Details, Header, Reader, exif_orientation};
use crate::{ImageFormat, Limits, MediaError};

const FORMAT: ImageFormat = ImageFormat::WebP;

/// Output, a canvas or lossless frame of four bytes and the planes of a lossy one, per pixel.
const DECODE_BYTES_PER_PIXEL: u64 = 10;

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Header, MediaError> {
    let mut reader = Reader::new(bytes);
    let mut size = None;
    let mut frames = 0;
    let mut orientation = Orientation::NoTransforms;
    reader.take(12); // `RIFF`, the length and `WEBP`: `sniff` has seen them.
    while let Some(Chunk { kind, length, body }) = next_chunk(&mut reader) {
        match kind {
            // The decoder allocates these by their stated length.
            b"ICCP" | b"EXIF" if body.len() < length => {
                return Err(MediaError::corrupt(FORMAT, "a chunk is cut short"));
            }
            b"ICCP" if length as u64 > limits.max_metadata_bytes => {
                return Err(MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes });
            }
            // The first of these stands first in the file and rules; a canvas holds all its frames.
            b"VP8X" | b"VP8 " | b"VP8L" if size.is_none() => size = read_size(kind, body),
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
        decode_bytes: u64::from(width) * u64::from(height) * DECODE_BYTES_PER_PIXEL,
        details: Details::None,
    })
}

struct Chunk<'a> {
    kind: &'a [u8],
    /// As stated.
    length: usize,
    /// As long as stated, or what the file has of it.
    body: &'a [u8],
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
