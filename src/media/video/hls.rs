//! The HLS ladder (RFC 8216), copied from the MP4s without encoding again.

use super::{
    VideoError, VideoFile,
    child::{Sandbox, words},
    plan::Rendition,
    probe::input,
    sniff::VideoFormat,
    transcode::SEGMENT_SECONDS,
};
use std::{fs, path::Path};

const MP4: &str = "video/mp4";
const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// Makes each rendition's segments, all of them in one file that its playlist points into, and the master playlist.
pub(super) fn package(
    sandbox: &Sandbox<'_>,
    renditions: &[Rendition],
    has_audio: bool,
) -> Result<Vec<VideoFile>, VideoError> {
    let mut files = Vec::new();
    let mut master = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for rendition in renditions {
        let side = rendition.short_side;
        let (playlist, segments) = (format!("hls_{side}.m3u8"), format!("hls_{side}.mp4"));
        segment(sandbox, rendition, &playlist, &segments)?;
        let text = fs::read_to_string(sandbox.folder.join(&playlist)).map_err(VideoError::machine)?;
        let codecs = format!("avc1.6400{:02x}{}", rendition.level, if has_audio { ",mp4a.40.2" } else { "" });
        master.push_str(&format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={},RESOLUTION={}x{},CODECS=\"{codecs}\"\n{playlist}\n",
            peak_bit_rate(&text).max(1),
            rendition.width,
            rendition.height,
        ));
        let mp4 = rendition.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for (name, content_type) in [(mp4, MP4), (playlist, PLAYLIST), (segments, MP4)] {
            files.push(file(sandbox.folder, name, content_type)?);
        }
    }
    let name = "hls.m3u8".to_owned();
    fs::write(sandbox.folder.join(&name), master).map_err(VideoError::machine)?;
    files.push(file(sandbox.folder, name, PLAYLIST)?);
    Ok(files)
}

fn segment(sandbox: &Sandbox<'_>, rendition: &Rendition, playlist: &str, segments: &str) -> Result<(), VideoError> {
    let mut arguments = words(["-hide_banner", "-nostdin", "-y", "-v", "error"]);
    arguments.extend(input(VideoFormat::Mp4, &rendition.path));
    arguments.extend(words(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy", "-map_metadata", "-1"]));
    arguments.extend(words(["-fflags", "+bitexact", "-f", "hls", "-hls_time", &SEGMENT_SECONDS.to_string()]));
    arguments.extend(words(["-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-hls_flags"]));
    arguments.extend(words(["single_file+independent_segments", "-hls_segment_filename", segments, playlist]));
    sandbox.run(&sandbox.tools.ffmpeg, &arguments, &mut |_| {})
}

fn file(folder: &Path, name: String, content_type: &'static str) -> Result<VideoFile, VideoError> {
    let path = folder.join(&name);
    let size_bytes = fs::metadata(&path).map_err(VideoError::machine)?.len();
    Ok(VideoFile { name, path, content_type, size_bytes })
}

/// The bits per second of the heaviest segment (RFC 8216, 4.3.4.2), by the lengths that the playlist tells.
fn peak_bit_rate(playlist: &str) -> u64 {
    let mut seconds = 0.0;
    let mut peak = 0.0_f64;
    for line in playlist.lines() {
        if let Some(rest) = line.strip_prefix("#EXTINF:") {
            seconds = rest.split(',').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        } else if let Some(rest) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            let bytes: f64 = rest.split('@').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
            if seconds > 0.0 {
                peak = peak.max(bytes * 8.0 / seconds);
            }
        }
    }
    peak.ceil() as u64
}
