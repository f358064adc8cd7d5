//! Videos, by `ffmpeg` in a sandbox: files in, files out.
//!
//! ```text
//! sniff ─► ffprobe, limits ─► one ffmpeg: decode once, upright, up to three H.264/AAC MP4s
//!                                   └► poster frame ─► the ladder of pictures (`process_image`)
//!                                   └► HLS by copying, one file of segments per size
//! ```
//!
//! Both programs run as children in a process group of their own, with bounds on memory, processor time, files and
//! their sizes, without network, in an empty folder, at low priority; they end with this process, at their time limit
//! and when the caller cancels. The container's kind is given to them, so that a playlist never is read as one.

mod child;
mod error;
mod hls;
mod plan;
mod probe;
mod sniff;
mod tools;
mod transcode;

pub use child::CancelFlag;
pub use error::VideoError;
pub use plan::Rendition;
pub use sniff::{VideoFormat, sniff_video};
pub use tools::VideoTools;

use crate::{Limits, ProcessedImage, process_image};
use child::{Sandbox, by_the_clock};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

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

    fn time_of(&self, duration: Duration) -> Duration {
        self.base_time + self.time_per_second.mul_f64(duration.as_secs_f64())
    }
}

/// What is made of a video. The files lie in the caller's folder.
#[derive(Debug)]
pub struct ProcessedVideo {
    /// The poster frame as pictures of every size.
    pub poster: ProcessedImage,
    /// The sizes, largest first; each is a file `video_<height>.mp4`, a playlist `hls_<height>.m3u8` and its segments
    /// `hls_<height>.mp4`.
    pub renditions: Vec<Rendition>,
    /// Every file: those of the renditions and the master playlist `hls.m3u8`.
    pub files: Vec<VideoFile>,
    /// How long it plays, in milliseconds.
    pub duration_ms: u64,
    /// Whether it has sound.
    pub has_audio: bool,
}

/// A file that is to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFile {
    /// Its name, without folders.
    pub name: String,
    pub path: PathBuf,
    pub content_type: &'static str,
    pub size_bytes: u64,
}

/// Makes a video ready: MP4s that every browser plays, an HLS ladder, a poster.
///
/// The content decides the format, and `declared_content_type` must agree with it. `source` is read, and `folder`,
/// which must exist, is where everything is written. Results are upright, H.264 High with 8 bits and AAC in stereo, at
/// most 60 frames a second, never scaled up; metadata, chapters, subtitles and other tracks are gone. `progress` hears
/// non-decreasing percentages. Blocks the calling thread for a long time; [`CancelFlag::cancel`] ends it soon.
///
/// # Errors
/// [`VideoError`], each a sentence for the uploader.
pub fn process_video(
    tools: &VideoTools,
    source: &Path,
    folder: &Path,
    declared_content_type: &str,
    limits: &VideoLimits,
    progress: &(dyn Fn(u8) + Sync),
    cancel: &CancelFlag,
) -> Result<ProcessedVideo, VideoError> {
    let format = check_file(source, declared_content_type, limits)?;
    let sandbox = Sandbox::new(tools, folder, limits, cancel, limits.probe_limit);
    let (facts, measured) = match probe::probe(&sandbox, source, format) {
        Err(error) if format == VideoFormat::WebM && error == VideoError::unknown_length() => {
            let path = transcode::measure(&sandbox, source, format)?;
            (probe::probe(&sandbox, &path, format)?, Some(path))
        }
        probed => (probed?, None),
    };
    let source = measured.as_deref().unwrap_or(source);
    progress(5);
    let sandbox = Sandbox::new(tools, folder, limits, cancel, limits.time_of(facts.duration));
    let planned = plan::plan(&facts);
    let renditions = transcode::transcode(&sandbox, source, &facts, planned, &|percent| {
        progress(5 + (u32::from(percent) * 8 / 10) as u8)
    })?;
    if let Some(path) = &measured {
        fs::remove_file(path).map_err(VideoError::machine)?;
    }
    progress(85);
    let poster = poster(&sandbox, &renditions[0])?;
    progress(92);
    let files = hls::package(&sandbox, &renditions, facts.has_audio())?;
    progress(100);
    let duration_ms = u64::try_from(renditions[0].duration.as_millis()).unwrap_or(u64::MAX);
    Ok(ProcessedVideo { poster, renditions, files, duration_ms, has_audio: facts.has_audio() })
}

/// The format of the content, which must be accepted and be the declared one.
fn check_file(source: &Path, declared: &str, limits: &VideoLimits) -> Result<VideoFormat, VideoError> {
    let mut file = fs::File::open(source).map_err(VideoError::machine)?;
    let actual_bytes = file.metadata().map_err(VideoError::machine)?.len();
    if actual_bytes == 0 {
        return Err(VideoError::Empty);
    }
    if actual_bytes > limits.max_bytes {
        return Err(VideoError::FileTooLarge { actual_bytes, max_bytes: limits.max_bytes });
    }
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).map_err(VideoError::machine)?;
    let format = sniff_video(&head).ok_or(VideoError::UnknownFormat)?;
    if format.is_declared_by(declared) {
        Ok(format)
    } else {
        Err(VideoError::TypeMismatch { declared: declared.to_owned(), actual: format })
    }
}

/// A telling frame of the largest rendition, which is upright and in common colours already.
fn poster(sandbox: &Sandbox<'_>, largest: &Rendition) -> Result<ProcessedImage, VideoError> {
    let path = transcode::poster_frame(sandbox, largest)?;
    let bytes = fs::read(&path).map_err(VideoError::machine)?;
    let _ = fs::remove_file(&path);
    process_image(&bytes, "image/png", &Limits::default(), &|_| {})
        .map_err(|error| VideoError::Failed { detail: format!("the poster: {error}") })
}
