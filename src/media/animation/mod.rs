//! Animations: a GIF or WebP of several frames becomes an animated WebP, within bounds on what it may cost.
//!
//! The frames are composed as they are shown, scaled one by one, and the changed part of each is encoded on its own, so
//! that memory does not grow with their number.

mod container;
mod frames;

use container::{Container, Part};
use frames::{Frame, Frames, open};

use crate::encoded::{EncodedImage, MEDIUM_SIDE};
use crate::header::{AnimationHeader, Header};
use crate::hostile::guarded;
use crate::raster::{Raster, fit_size};
use crate::{Limits, MediaError, color};

/// Pixels of the canvas: it is in memory four times.
const MAX_CANVAS_PIXELS: u64 = 4_000_000;
/// Pixels of all frames together, each as large as the canvas: what composing and scaling them costs.
const MAX_COMPOSED_PIXELS: u64 = 100_000_000;
/// Frames that are kept. Of more, every second, third and so on is, for as long as those it stands for.
const MAX_KEPT_FRAMES: u32 = 200;
/// Pixels of all kept frames together; what would have more is made smaller.
const MAX_ENCODED_PIXELS: u64 = 24_000_000;
/// Bytes of the result.
const MAX_OUTPUT_BYTES: usize = 12 * 1024 * 1024;

/// What browsers show where a frame states 10 ms or less.
const DEFAULT_DURATION_MS: u32 = 100;

const QUALITY: f32 = 75.0;
const METHOD: i32 = 1;

/// The animation of a GIF or WebP, upright and in sRGB; `None` where there is none, it costs too much, or fewer than
/// two frames that differ can be read.
pub(crate) fn encode_animation(bytes: &[u8], header: &Header, limits: &Limits) -> Option<EncodedImage> {
    let animation = header.animation.as_ref()?;
    let canvas_pixels = u64::from(header.width) * u64::from(header.height);
    let is_affordable = canvas_pixels <= MAX_CANVAS_PIXELS
        && animation.largest_frame_pixels <= canvas_pixels
        && canvas_pixels * u64::from(header.frames) <= MAX_COMPOSED_PIXELS;
    if !is_affordable {
        return None;
    }
    guarded(header.format, || encode(bytes, header, animation, limits))
        .inspect_err(|error| tracing::debug!(?error, "an animation is not kept"))
        .ok()
        .flatten()
}

fn encode(
    bytes: &[u8],
    header: &Header,
    animation: &AnimationHeader,
    limits: &Limits,
) -> Result<Option<EncodedImage>, MediaError> {
    let step = header.frames.div_ceil(MAX_KEPT_FRAMES);
    let size = size_of(header, header.frames.div_ceil(step));
    let Frames { color_space, frames } = open(bytes, header, limits)?;
    let mut container = Container::new(animation.plays);
    let mut shown: Option<Raster> = None;
    for (index, frame) in (0..).zip(frames) {
        // What follows a damaged frame is lost.
        let Ok(Frame { raster, duration_ms }) = frame else { break };
        let duration_ms = if duration_ms <= 10 { DEFAULT_DURATION_MS } else { duration_ms };
        if index % step != 0 {
            container.prolong(duration_ms);
            continue;
        }
        let raster = color::to_srgb(raster.scale(size)?, &color_space, false)?.orient(header.orientation)?;
        let changed = match &shown {
            Some(shown) => changed_part(shown, &raster),
            None => Some(Part { left: 0, top: 0, width: raster.width, height: raster.height }),
        };
        match changed {
            Some(part) => container.push(part, &cut(&raster, part), duration_ms)?,
            None => container.prolong(duration_ms),
        }
        if container.byte_count() > MAX_OUTPUT_BYTES {
            return Ok(None);
        }
        shown = Some(raster);
    }
    let Some(shown) = shown.filter(|_| container.frame_count() > 1) else { return Ok(None) };
    let (width, height) = (shown.width, shown.height);
    let bytes = container.finish(width, height);
    Ok(Some(EncodedImage { bytes, width, height, content_type: "image/webp" }))
}

/// The size of each of so many frames, as stored.
fn size_of(header: &Header, kept_frames: u32) -> (u32, u32) {
    let (width, height) = fit_size(header.width, header.height, MEDIUM_SIDE);
    let pixels = u64::from(width) * u64::from(height) * u64::from(kept_frames);
    if pixels <= MAX_ENCODED_PIXELS {
        return (width, height);
    }
    let factor = (MAX_ENCODED_PIXELS as f64 / pixels as f64).sqrt();
    fit_size(width, height, (f64::from(width.max(height)) * factor) as u32)
}

/// The least rectangle, from even coordinates as the format wants, that holds all pixels that look different; `None`
/// where none does.
fn changed_part(before: &Raster, after: &Raster) -> Option<Part> {
    let row_bytes = after.width as usize * 4;
    let looks_same = |one: &[u8], other: &[u8]| one == other || (one[3] == 0 && other[3] == 0);
    let rows = before.pixels.chunks_exact(row_bytes).zip(after.pixels.chunks_exact(row_bytes));
    let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
    for (y, (one, other)) in rows.enumerate().filter(|(_, (one, other))| one != other) {
        let differs = |x: &usize| !looks_same(&one[x * 4..][..4], &other[x * 4..][..4]);
        let columns = 0..after.width as usize;
        if let (Some(first), Some(last)) = (columns.clone().find(differs), columns.rev().find(differs)) {
            (left, right) = (left.min(first), right.max(last));
            (top, bottom) = (top.min(y), y);
        }
    }
    if top > bottom {
        return None;
    }
    // All are below 2^32, as the sides are.
    let (left, top) = ((left & !1) as u32, (top & !1) as u32);
    Some(Part { left, top, width: right as u32 + 1 - left, height: bottom as u32 + 1 - top })
}

/// A part of a picture, without an alpha channel where all of it is opaque.
fn cut(raster: &Raster, part: Part) -> Raster {
    let row_bytes = raster.width as usize * 4;
    let (start, length) = (part.left as usize * 4, part.width as usize * 4);
    let rows = raster.pixels.chunks_exact(row_bytes).skip(part.top as usize).take(part.height as usize);
    let pixels = rows.flat_map(|row| &row[start..start + length]).copied().collect();
    Raster { width: part.width, height: part.height, channels: raster.channels, pixels }.without_idle_alpha()
}
