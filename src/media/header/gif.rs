//! The blocks of a GIF (GIF89a specification): canvas, first frame, number of frames.

use image::metadata::Orientation;

use super::{AnimationHeader, Details, Header, Reader};
use crate::{ImageFormat, MediaError};

const FORMAT: ImageFormat = ImageFormat::Gif;

const CANVAS_BYTES_PER_PIXEL: u64 = 4;
/// A frame is kept beside the canvas until it is put there, as indices and as colours.
const FRAME_BYTES_PER_PIXEL: u64 = 5;

pub(super) fn read(bytes: &[u8]) -> Result<Header, MediaError> {
    let mut reader = Reader::new(bytes);
    let (width, height) =
        read_screen(&mut reader).ok_or_else(|| MediaError::corrupt(FORMAT, "no screen descriptor"))?;
    let mut frames = 0;
    let mut first_frame_pixels = 0;
    let mut animation = AnimationHeader { plays: 1, largest_frame_pixels: 0 };
    while let Some(pixels) = next_frame(&mut reader, &mut animation.plays) {
        if frames == 0 {
            first_frame_pixels = pixels;
        }
        animation.largest_frame_pixels = animation.largest_frame_pixels.max(pixels);
        frames += 1;
    }
    let canvas_pixels = u64::from(width) * u64::from(height);
    Ok(Header {
        format: FORMAT,
        width,
        height,
        frames: frames.max(1),
        orientation: Orientation::NoTransforms,
        animation: (frames > 1).then_some(animation),
        decode_bytes: canvas_pixels * CANVAS_BYTES_PER_PIXEL + first_frame_pixels * FRAME_BYTES_PER_PIXEL,
        details: Details::None,
    })
}

fn read_screen(reader: &mut Reader<'_>) -> Option<(u32, u32)> {
    reader.take(6)?; // The signature.
    let (width, height) = (reader.u16_le()?, reader.u16_le()?);
    let flags = reader.byte()?;
    reader.take(2)?;
    skip_palette(reader, flags)?;
    Some((width.into(), height.into()))
}

/// Goes past the next frame and gives its pixels; `None` at the trailer or where the file breaks off. Sets `plays`
/// where it is said on the way.
fn next_frame(reader: &mut Reader<'_>, plays: &mut u16) -> Option<u64> {
    loop {
        match reader.byte()? {
            0x21 => {
                if reader.byte()? == 0xff {
                    *plays = read_plays(reader.rest).unwrap_or(*plays);
                }
                skip_sub_blocks(reader)?;
            }
            0x2c => {
                reader.take(4)?; // Its place on the canvas.
                let (width, height) = (reader.u16_le()?, reader.u16_le()?);
                let flags = reader.byte()?;
                // The first frame counts by its header even where the file breaks off inside it.
                let _ = skip_palette(reader, flags).and_then(|()| reader.byte()).and_then(|_| skip_sub_blocks(reader));
                return Some(u64::from(width) * u64::from(height));
            }
            _ => return None,
        }
    }
}

/// Netscape's extension, which every browser knows: how often to go on after the first time, 0 for ever.
fn read_plays(extension: &[u8]) -> Option<u16> {
    match extension.strip_prefix(b"\x0bNETSCAPE2.0\x03\x01")? {
        [0, 0, ..] => Some(0),
        [low, high, ..] => Some(u16::from_le_bytes([*low, *high]).saturating_add(1)),
        _ => None,
    }
}

fn skip_palette(reader: &mut Reader<'_>, flags: u8) -> Option<()> {
    if flags & 0x80 != 0 {
        reader.take(3 << ((flags & 7) + 1))?;
    }
    Some(())
}

fn skip_sub_blocks(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        let length = reader.byte()?;
        if length == 0 {
            return Some(());
        }
        reader.take(length.into())?;
    }
}
