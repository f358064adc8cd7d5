//! What a video may cost.

use std::time::Duration;

/// By the clock a child may take so many times the processor time that it has: the machine may have other work.
const PATIENCE: u32 = 3;

/// What a video may be and what making it ready may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoLimits {
    /// Length of the file in bytes. Default 512 MiB.
    pub max_bytes: u64,
    /// Length in time. Default ten minutes.
    pub max_duration: Duration,
    /// Either side in pixels. Default 8,192.
    pub max_side_pixels: u32,
    /// Pixels of a frame. Default 36 million: 8K.
    pub max_pixels: u64,
    /// Tracks of any kind. Default 16.
    pub max_streams: usize,
    /// Bits per second over the whole file. Default 250 million.
    pub max_bit_rate: u64,
    /// Frames per second that the container claims. Default 1,000; more than 60 are thinned out.
    pub max_frame_rate: u32,
    /// Processor time for looking at the file. Default 20 s. By the clock it may take a few times as long, as may all
    /// below.
    pub probe_limit: Duration,
    /// Processor time for making the results: this, and [`VideoLimits::time_per_second`] for each second of the video.
    pub base_time: Duration,
    /// Processor time per second of the video. Default 20 s: 8K on a small machine.
    pub time_per_second: Duration,
    /// One result in bytes, and each file that the children write. Default 1 GiB.
    pub max_output_bytes: u64,
    /// Address space of a child in bytes. Default 4 GiB.
    pub memory_bytes: u64,
    /// Threads of a child. Default 2.
    pub threads: u32,
}

impl Default for VideoLimits {
    fn default() -> Self {
        Self {
            max_bytes: 512 * 1024 * 1024,
            max_duration: Duration::from_secs(600),
            max_side_pixels: 8_192,
            max_pixels: 36_000_000,
            max_streams: 16,
            max_bit_rate: 250_000_000,
            max_frame_rate: 1_000,
            probe_limit: Duration::from_secs(20),
            base_time: Duration::from_secs(60),
            time_per_second: Duration::from_secs(20),
            max_output_bytes: 1024 * 1024 * 1024,
            memory_bytes: 4 * 1024 * 1024 * 1024,
            threads: 2,
        }
    }
}

impl VideoLimits {
    /// The longest that a video may take by the clock.
    pub fn longest(&self) -> Duration {
        by_the_clock(self.probe_limit + self.time_of(self.max_duration))
    }

    pub(super) fn time_of(&self, duration: Duration) -> Duration {
        self.base_time + self.time_per_second.mul_f64(duration.as_secs_f64())
    }
}

/// The longest that work with so much processor time may take by the clock.
pub(super) fn by_the_clock(time: Duration) -> Duration {
    time * PATIENCE
}
