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
mod limits;
mod plan;
mod probe;
mod sniff;
mod tools;
mod transcode;

pub use child::CancelFlag;
pub use error::VideoError;
pub use limits::VideoLimits;
pub use plan::Rendition;
pub use sniff::{VideoFormat, sniff_video};
pub use tools::VideoTools;

use crate::{Limits, ProcessedImage, process_image};
use child::Sandbox;
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

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
