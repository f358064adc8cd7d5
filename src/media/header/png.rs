//! The chunks of a PNG (W3C PNG, third edition): size, colour type, animation, EXIF wherever it stands.

use image::metadata::Orientation;

use super::{Details, Header, Reader, exif_orientation};
use crate::{ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Png;

pub(super) fn read(bytes: &[u8]) -> Result<Header, MediaError> {
    let mut reader = Reader::new(bytes);
    let mut header = read_first_chunk(&mut reader).ok_or_else(|| MediaError::corrupt(FORMAT, "no image header"))?;
    // Damage further on is for the decoder to find: here the walk just ends.
    while let Some((kind, body)) = next_chunk(&mut reader) {
        match kind {
            b"acTL" => header.frames = Reader::new(body).u32_be().unwrap_or(1).max(1),
            b"eXIf" => header.orientation = exif_orientation(body),
            b"IEND" => break,
            _ => {}
        }
    }
    Ok(header)
}

fn next_chunk<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let length = reader.u32_be()? as usize;
    let kind = reader.take(4)?;
    let body = reader.take(length)?;
    reader.take(4)?; // The checksum.
    Some((kind, body))
}

fn read_first_chunk(reader: &mut Reader<'_>) -> Option<Header> {
    reader.take(8)?; // The signature.
    let (kind, body) = next_chunk(reader)?;
    if kind != b"IHDR" {
        return None;
    }
    let mut body = Reader::new(body);
    let (width, height) = (body.u32_be()?, body.u32_be()?);
    let (depth, colour_type) = (body.byte()?, body.byte()?);
    let channels = match colour_type {
        0 => 1,
        2 => 3,
        4 => 2,
        _ => 4, // True colour with alpha, or a palette, which may expand to it.
    };
    let bytes_per_sample = if depth == 16 { 2 } else { 1 };
    let stored_bytes = channels * bytes_per_sample;
    let is_ready = bytes_per_sample == 1 && channels >= 3;
    let converted_bytes = if is_ready { 0 } else { 4 };
    Some(Header {
        format: FORMAT,
        width,
        height,
        frames: 1,
        orientation: Orientation::NoTransforms,
        animation: None,
        decode_bytes: (u64::from(width) * u64::from(height)).saturating_mul(stored_bytes + converted_bytes),
        details: Details::None,
    })
}
