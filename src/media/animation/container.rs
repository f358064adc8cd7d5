//! An animated WebP (RFC 9649, section 2.7.1), written frame by frame: no metadata, no profile, no background.

use super::{METHOD, QUALITY};
use crate::MediaError;
use crate::encode::encode_webp;
use crate::header::chunks;
use crate::raster::{Channels, Raster};

/// The longest time that a frame can state.
const MAX_DURATION_MS: u32 = 0xff_ffff;
/// The place of the canvas is left as it is after a frame, and a frame takes its part's place instead of being blended
/// into it.
const KEEP_AND_REPLACE: u8 = 2;
const ANIMATION_FLAG: u8 = 0x02;
const ALPHA_FLAG: u8 = 0x10;

/// A rectangle of the canvas; `left` and `top` are even.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The last frame, which may still be prolonged.
struct Pending {
    part: Part,
    duration_ms: u32,
    picture: Vec<u8>,
}

pub(super) struct Container {
    plays: u16,
    has_alpha: bool,
    pending: Option<Pending>,
    frame_count: usize,
    /// The frames before the last one, as chunks.
    frames: Vec<u8>,
}

impl Container {
    /// `plays`: how often the animation is played; 0 for ever.
    pub(super) fn new(plays: u16) -> Self {
        Self { plays, has_alpha: false, pending: None, frame_count: 0, frames: Vec::new() }
    }

    pub(super) fn frame_count(&self) -> usize {
        self.frame_count
    }

    /// What has been written, and what waits.
    pub(super) fn byte_count(&self) -> usize {
        self.frames.len() + self.pending.as_ref().map_or(0, |pending| pending.picture.len())
    }

    /// Encodes the next frame: `picture` takes the place of `part`.
    pub(super) fn push(&mut self, part: Part, picture: &Raster, duration_ms: u32) -> Result<(), MediaError> {
        self.flush();
        let file = encode_webp(picture, QUALITY, METHOD)?;
        let mut body = Vec::with_capacity(file.len());
        for found in chunks(&file).filter(|chunk| matches!(chunk.kind, b"ALPH" | b"VP8 " | b"VP8L")) {
            put_chunk(&mut body, found.kind, &[found.body]);
        }
        self.has_alpha |= picture.channels == Channels::Rgba;
        self.pending = Some(Pending { part, duration_ms, picture: body });
        self.frame_count += 1;
        Ok(())
    }

    /// Shows the last frame for longer.
    pub(super) fn prolong(&mut self, duration_ms: u32) {
        if let Some(pending) = &mut self.pending {
            pending.duration_ms = pending.duration_ms.saturating_add(duration_ms);
        }
    }

    fn flush(&mut self) {
        let Some(Pending { part, duration_ms, picture }) = self.pending.take() else { return };
        let numbers = [part.left / 2, part.top / 2, part.width - 1, part.height - 1, duration_ms.min(MAX_DURATION_MS)];
        let header = numbers.map(u24_le);
        put_chunk(&mut self.frames, b"ANMF", &[header.as_flattened(), &[KEEP_AND_REPLACE], &picture]);
    }

    /// The file of a canvas of this size.
    pub(super) fn finish(mut self, width: u32, height: u32) -> Vec<u8> {
        self.flush();
        let flags = ANIMATION_FLAG | if self.has_alpha { ALPHA_FLAG } else { 0 };
        let mut body = Vec::with_capacity(self.frames.len() + 64);
        body.extend(b"WEBP");
        put_chunk(&mut body, b"VP8X", &[&[flags, 0, 0, 0], &u24_le(width - 1), &u24_le(height - 1)]);
        put_chunk(&mut body, b"ANIM", &[&[0; 4], &self.plays.to_le_bytes()]);
        body.extend(self.frames);
        let mut file = Vec::with_capacity(body.len() + 8);
        put_chunk(&mut file, b"RIFF", &[&body]);
        file
    }
}

/// Appends a chunk, padded to an even length. It is below 4 GiB: [`super::MAX_OUTPUT_BYTES`] and one frame.
fn put_chunk(target: &mut Vec<u8>, kind: &[u8], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    target.extend(kind);
    target.extend((length as u32).to_le_bytes());
    parts.iter().for_each(|part| target.extend(*part));
    target.extend(std::iter::repeat_n(0, length % 2));
}

fn u24_le(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}
