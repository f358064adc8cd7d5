//! Which sizes are made of a video.

use super::probe::VideoFacts;
use std::{path::PathBuf, time::Duration};

/// The short sides that are made, where the video has as many pixels.
const SHORT_SIDES: [u32; 3] = [1_080, 720, 360];
/// A size this near to a larger one is left out.
const NEAR: f64 = 0.75;
/// Bits per second of 1920 x 1080 pixels, at most.
const FULL_HD_BIT_RATE: f64 = 5_000_000.0;
/// Bits per second of the smallest sizes.
const MIN_BIT_RATE: f64 = 250_000.0;

/// A size that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub width: u32,
    pub height: u32,
    /// The short side, which names it.
    pub short_side: u32,
    /// The most bits per second.
    pub max_bit_rate: u32,
}

/// A size that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The short side in pixels, which names its files.
    pub short_side: u32,
    pub width: u32,
    pub height: u32,
    /// How long it plays.
    pub duration: Duration,
    pub path: PathBuf,
    /// The H.264 level, times ten.
    pub level: u8,
}

/// Up to three sizes, largest first. Nothing is enlarged.
pub(super) fn plan(facts: &VideoFacts) -> Vec<Planned> {
    let short = facts.width.min(facts.height);
    let largest = short.min(SHORT_SIDES[0]);
    let smaller = SHORT_SIDES.into_iter().filter(|side| f64::from(*side) <= NEAR * f64::from(largest));
    let mut sizes: Vec<Planned> = std::iter::once(largest).chain(smaller).map(|side| sized(facts, side)).collect();
    // Of a panorama's sizes several may be cut down to the same one.
    sizes.dedup_by_key(|size| size.short_side);
    sizes
}

fn sized(facts: &VideoFacts, side: u32) -> Planned {
    let scale = f64::from(side) / f64::from(facts.width.min(facts.height));
    // Panoramas: what H.264 at level 5.1 takes is at most 4,096 wide.
    let scale = scale.min(4_096.0 / f64::from(facts.width.max(facts.height)));
    // Down, so that nothing is enlarged; a hundredth for what floating point loses.
    let even = |length: u32| ((f64::from(length) * scale / 2.0 + 0.01).floor() as u32 * 2).max(2);
    let (width, height) = (even(facts.width), even(facts.height));
    let share = f64::from(width) * f64::from(height) / (1_920.0 * 1_080.0);
    let max_bit_rate = (FULL_HD_BIT_RATE * share.powf(0.75)).max(MIN_BIT_RATE) as u32;
    Planned { width, height, short_side: width.min(height), max_bit_rate }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::VideoFormat;

    fn sizes(width: u32, height: u32) -> Vec<(u32, u32)> {
        let facts = VideoFacts {
            format: VideoFormat::Mp4,
            width,
            height,
            duration: Duration::from_secs(1),
            frame_rate: None,
            video_stream: 0,
            audio_stream: None,
            is_high_dynamic_range: false,
            level: 0,
        };
        plan(&facts).into_iter().map(|size| (size.width, size.height)).collect()
    }

    #[test]
    fn up_to_three_sizes_none_enlarged_all_even() {
        assert_eq!(sizes(3_840, 2_160), [(1_920, 1_080), (1_280, 720), (640, 360)]);
        assert_eq!(sizes(1_080, 1_920), [(1_080, 1_920), (720, 1_280), (360, 640)]);
        assert_eq!(sizes(1_280, 720), [(1_280, 720), (640, 360)]);
        assert_eq!(sizes(641, 361), [(640, 360)]);
        assert_eq!(sizes(854, 480), [(854, 480), (640, 360)]);
        assert_eq!(sizes(33, 17), [(32, 16)], "rounded down to even");
        assert_eq!(sizes(8_192, 1_024), [(4_096, 512), (2_880, 360)], "a panorama has no size twice");
    }
}
