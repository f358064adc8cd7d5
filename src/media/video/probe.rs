//! What a video is, by `ffprobe`, held against the limits before a frame is decoded.

use super::{
    VideoError, VideoFormat, VideoLimits,
    child::{Sandbox, words},
};
use serde::Deserialize;
use std::{path::Path, time::Duration};

/// Codecs whose decoders may run. Others are rare, and seldom tested against bad files.
const VIDEO_CODECS: [&str; 9] = ["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores", "h263"];
/// The same for sound. A track of another codec is left out, not refused.
const AUDIO_CODECS: [&str; 12] =
    ["aac", "mp3", "opus", "vorbis", "alac", "flac", "ac3", "eac3", "pcm_s16le", "pcm_s16be", "pcm_s24le", "amr_nb"];

/// What is kept of a report, which a file of countless tracks makes long. One that was cut is no JSON.
const MAX_REPORT_BYTES: usize = 4 * 1024 * 1024;

/// What the work needs to know of a video.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct VideoFacts {
    pub format: VideoFormat,
    /// Upright, with square pixels.
    pub width: u32,
    pub height: u32,
    pub duration: Duration,
    /// Frames per second on average, where the container says it.
    pub frame_rate: Option<f64>,
    /// Which stream is the picture, which the sound.
    pub video_stream: usize,
    pub audio_stream: Option<usize>,
    /// Colours beyond the common range (PQ or HLG).
    pub is_high_dynamic_range: bool,
    /// The level that the codec's bitstream claims; of H.264 times ten.
    pub level: u8,
}

impl VideoFacts {
    pub fn has_audio(&self) -> bool {
        self.audio_stream.is_some()
    }
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Container,
}

#[derive(Deserialize, Default)]
struct Container {
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<i64>,
    height: Option<i64>,
    sample_aspect_ratio: Option<String>,
    avg_frame_rate: Option<String>,
    duration: Option<String>,
    color_transfer: Option<String>,
    level: Option<i64>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

/// The arguments that open `source` as nothing but what it is.
pub(super) fn input(format: VideoFormat, source: &Path) -> Vec<std::ffi::OsString> {
    let whitelist = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm";
    let mut arguments = words(["-protocol_whitelist", "file", "-format_whitelist", whitelist]);
    arguments.extend(words(["-f", format.demuxer(), "-i"]));
    arguments.push(source.into());
    arguments
}

/// Looks at a file and refuses what goes beyond the limits.
pub(super) fn probe(sandbox: &Sandbox<'_>, source: &Path, format: VideoFormat) -> Result<VideoFacts, VideoError> {
    let mut arguments = words(["-hide_banner", "-v", "error", "-show_streams", "-show_format", "-of", "json"]);
    arguments.extend(input(format, source));
    let mut said = String::new();
    sandbox.run(&sandbox.tools.ffprobe, &arguments, &mut |line| {
        if said.len() < MAX_REPORT_BYTES {
            said.push_str(line);
        }
    })?;
    let report: Report = serde_json::from_str(&said).map_err(|error| VideoError::corrupt(error.to_string()))?;
    facts(report, format, sandbox.limits)
}

fn facts(report: Report, format: VideoFormat, limits: &VideoLimits) -> Result<VideoFacts, VideoError> {
    let unsuitable = |what: &str| Err(VideoError::Unsuitable(what.to_owned()));
    let Report { streams, format: container } = report;
    if streams.is_empty() {
        return Err(VideoError::corrupt("there are no tracks"));
    }
    if streams.len() > limits.max_streams {
        return Err(VideoError::Unsuitable(format!("has more than {} tracks", limits.max_streams)));
    }
    let is = |stream: &&Stream, kind: &str| stream.codec_type.as_deref() == Some(kind);
    // A cover picture of a song is no film.
    let Some(video) = streams.iter().find(|stream| is(stream, "video") && stream.disposition.attached_pic == 0) else {
        return unsuitable("has no picture");
    };
    let codec = video.codec_name.clone().unwrap_or_else(|| "an unknown codec".to_owned());
    if !VIDEO_CODECS.contains(&codec.as_str()) {
        return Err(VideoError::UnsupportedCodec { codec });
    }
    let audio = streams.iter().find(|stream| {
        is(stream, "audio") && stream.codec_name.as_deref().is_some_and(|codec| AUDIO_CODECS.contains(&codec))
    });
    let (width, height) = upright_size(video, limits)?;
    let duration = duration(video, &container, limits)?;
    if number(container.bit_rate.as_deref()).is_some_and(|rate| rate > limits.max_bit_rate as f64) {
        return Err(VideoError::Unsuitable(format!(
            "has more than {} million bits per second",
            limits.max_bit_rate / 1_000_000
        )));
    }
    let frame_rate = video.avg_frame_rate.as_deref().and_then(ratio).filter(|rate| *rate > 0.0);
    if frame_rate.is_some_and(|rate| rate > f64::from(limits.max_frame_rate)) {
        return Err(VideoError::Unsuitable(format!("has more than {} frames per second", limits.max_frame_rate)));
    }
    let transfer = video.color_transfer.as_deref().unwrap_or_default();
    Ok(VideoFacts {
        format,
        width,
        height,
        duration,
        frame_rate,
        video_stream: video.index,
        audio_stream: audio.map(|stream| stream.index),
        is_high_dynamic_range: matches!(transfer, "smpte2084" | "arib-std-b67"),
        level: video.level.and_then(|level| u8::try_from(level).ok()).unwrap_or(0),
    })
}

/// Width and height as they are shown: turned, and with square pixels.
fn upright_size(video: &Stream, limits: &VideoLimits) -> Result<(u32, u32), VideoError> {
    let side = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
    let (width, height) = (side(video.width), side(video.height));
    if width < 16 || height < 16 {
        return Err(VideoError::Unsuitable("has a picture of fewer than 16 pixels on a side".to_owned()));
    }
    let (max_side, max_pixels) = (limits.max_side_pixels, limits.max_pixels);
    if width.max(height) > max_side || u64::from(width) * u64::from(height) > max_pixels {
        return Err(VideoError::TooLarge { width, height, max_side, max_pixels });
    }
    // Pixels that are not square: the wider side grows, as far as makes sense.
    let aspect = video.sample_aspect_ratio.as_deref().and_then(|text| ratio(&text.replace(':', "/")));
    let aspect = aspect.filter(|aspect| (0.1..=10.0).contains(aspect)).unwrap_or(1.0);
    let shown = (f64::from(width) * aspect).round().clamp(16.0, f64::from(max_side)) as u32;
    let rotation = video.side_data_list.iter().find_map(|data| data.rotation).filter(|angle| angle.is_finite());
    let quarter_turns = (rotation.unwrap_or(0.0) / 90.0).round() as i64;
    Ok(if quarter_turns % 2 == 0 { (shown, height) } else { (height, shown) })
}

fn duration(video: &Stream, container: &Container, limits: &VideoLimits) -> Result<Duration, VideoError> {
    let seconds = number(container.duration.as_deref()).or_else(|| number(video.duration.as_deref()));
    let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0) else {
        return Err(VideoError::unknown_length());
    };
    let actual = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let most = limits.max_duration;
    // A fraction of a second beyond is how containers round.
    if actual > most + Duration::from_millis(500) { Err(VideoError::TooLong { actual, most }) } else { Ok(actual) }
}

fn number(text: Option<&str>) -> Option<f64> {
    text?.trim().parse().ok()
}

fn ratio(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (f64, f64) = (above.parse().ok()?, below.parse().ok()?);
    (below != 0.0).then(|| above / below).filter(|ratio| ratio.is_finite())
}
