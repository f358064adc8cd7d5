//! One decode, all sizes; and the poster frame.

use super::{
    VideoError,
    child::{Sandbox, words},
    plan::{Planned, Rendition},
    probe::{self, VideoFacts, input},
    sniff::VideoFormat,
};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

/// Frames per second at most.
const MAX_FRAME_RATE: f64 = 60.0;
/// Seconds between the keyframes that segments begin with.
pub(super) const SEGMENT_SECONDS: u32 = 4;
/// What may be missing of the length that the container promised.
const MISSING_SHARE: f64 = 0.1;
const MISSING: Duration = Duration::from_millis(1_500);
/// Longest side of the poster frame, in pixels; its pictures are smaller.
const POSTER_SIDE: u32 = 1_920;

/// Makes all planned sizes, largest first; `progress` hears 0 to 100.
pub(super) fn transcode(
    sandbox: &Sandbox<'_>,
    source: &Path,
    facts: &VideoFacts,
    planned: Vec<Planned>,
    progress: &dyn Fn(u8),
) -> Result<Vec<Rendition>, VideoError> {
    let most = sandbox.limits.max_duration.as_secs() + 1;
    let mut arguments = words(["-hide_banner", "-nostdin", "-y", "-v", "error", "-nostats", "-progress", "pipe:1"]);
    arguments.extend(words(["-threads", &sandbox.limits.threads.to_string(), "-filter_threads", "1"]));
    // The container may say less than a frame in the middle of the video turns out to have.
    arguments.extend(words(["-filter_complex_threads", "1", "-max_pixels", &sandbox.limits.max_pixels.to_string()]));
    arguments.extend(input(facts.format, source));
    arguments.extend(words(["-filter_complex", &filters(sandbox, facts, &planned)]));
    for (number, size) in planned.iter().enumerate() {
        arguments.extend(output(sandbox, facts, size, number, most));
    }
    let whole = facts.duration.as_secs_f64();
    sandbox.run(&sandbox.tools.ffmpeg, &arguments, &mut |line| {
        let made = line.strip_prefix("out_time_us=").and_then(|text| text.trim().parse::<f64>().ok());
        if let Some(made) = made {
            progress((made / 1e6 / whole * 100.0).clamp(0.0, 100.0) as u8);
        }
    })?;
    planned.into_iter().map(|size| check(sandbox, facts, size)).collect()
}

/// Copies a film without a length, as browsers record them, into one that has it.
pub(super) fn measure(sandbox: &Sandbox<'_>, source: &Path, format: VideoFormat) -> Result<PathBuf, VideoError> {
    let path = sandbox.folder.join("measured.mkv");
    let mut arguments = words(["-hide_banner", "-nostdin", "-y", "-v", "error"]);
    arguments.extend(input(format, source));
    arguments.extend(words(["-map", "0:v", "-map", "0:a?", "-c", "copy", "-map_metadata", "-1"]));
    arguments.extend(words(["-fs", &sandbox.limits.max_output_bytes.to_string(), "-f", "matroska"]));
    arguments.push((&path).into());
    sandbox.run(&sandbox.tools.ffmpeg, &arguments, &mut |_| {})?;
    Ok(path)
}

/// The picture: thinned out, common colours, then each size from the one before.
fn filters(sandbox: &Sandbox<'_>, facts: &VideoFacts, planned: &[Planned]) -> String {
    let mut chain = format!("[0:{}]", facts.video_stream);
    if facts.frame_rate.is_some_and(|rate| rate > MAX_FRAME_RATE) {
        chain.push_str(&format!("fps={MAX_FRAME_RATE},"));
    } else {
        // The rate may vary: frames that follow at once are left out. Milliseconds round 60 a second to 0.016.
        chain.push_str("select='isnan(prev_selected_t)+gte(t-prev_selected_t,0.0155)',");
    }
    if facts.is_high_dynamic_range {
        // PQ and HLG know no other colours (ITU-R BT.2100), and files forget to say so.
        chain.push_str("setparams=color_primaries=bt2020:colorspace=bt2020nc,");
    }
    for (number, size) in planned.iter().enumerate() {
        if number > 0 {
            chain.push_str(&format!("[next{number}]"));
        }
        chain.push_str(&format!("scale={}:{}:flags=bicubic:out_range=tv,setsar=1", size.width, size.height));
        if number == 0 && facts.is_high_dynamic_range && sandbox.tools.has_tone_mapping {
            // White paper is 203 cd/m² (ITU-R BT.2408); up to half of it stays as it is, and 1,000 cd/m² become white.
            chain.push_str(
                ",zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709,\
                 tonemap=tonemap=mobius:param=0.5:peak=5:desat=0,zscale=transfer=bt709:matrix=bt709:range=tv",
            );
        }
        chain.push_str(",format=yuv420p");
        if number + 1 < planned.len() {
            chain.push_str(&format!(",split=2[out{number}][next{}];", number + 1));
        } else {
            chain.push_str(&format!("[out{number}]"));
        }
    }
    chain
}

fn output(
    sandbox: &Sandbox<'_>,
    facts: &VideoFacts,
    size: &Planned,
    number: usize,
    most_seconds: u64,
) -> Vec<OsString> {
    let rate = size.max_bit_rate.to_string();
    let mut arguments = words(["-map", &format!("[out{number}]")]);
    if let Some(audio) = facts.audio_stream {
        arguments.extend(words(["-map", &format!("0:{audio}"), "-c:a", "aac", "-b:a", "128k", "-ac", "2"]));
        arguments.extend(words(["-ar", "48000"]));
    }
    arguments.extend(words(["-map_metadata", "-1", "-map_chapters", "-1", "-dn", "-sn"]));
    arguments.extend(words(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "23"]));
    arguments.extend(words(["-maxrate", &rate, "-bufsize", &(2 * size.max_bit_rate).to_string()]));
    arguments.extend(words(["-threads", &sandbox.limits.threads.to_string(), "-vsync", "vfr"]));
    arguments.extend(words(["-force_key_frames", &format!("expr:gte(t,n_forced*{SEGMENT_SECONDS})")]));
    arguments.extend(words(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]));
    arguments.extend(words(["-movflags", "+faststart", "-max_muxing_queue_size", "1024"]));
    arguments.extend(words(["-t", &most_seconds.to_string(), "-fs", &sandbox.limits.max_output_bytes.to_string()]));
    arguments.extend(words(["-f", "mp4", &file_name(size.short_side)]));
    arguments
}

fn file_name(short_side: u32) -> String {
    format!("video_{short_side}.mp4")
}

/// Looks at a result as it looked at the upload: one that is far too short comes from a file that was cut.
fn check(sandbox: &Sandbox<'_>, facts: &VideoFacts, size: Planned) -> Result<Rendition, VideoError> {
    let path = sandbox.folder.join(file_name(size.short_side));
    let made = probe::probe(sandbox, &path, VideoFormat::Mp4)
        .map_err(|error| if error.is_retryable() { error } else { VideoError::corrupt(error.to_string()) })?;
    let least = facts.duration.mul_f64(1.0 - MISSING_SHARE).saturating_sub(MISSING);
    if made.duration < least {
        return Err(VideoError::corrupt(format!("{:?} of {:?} could be read", made.duration, facts.duration)));
    }
    let Planned { width, height, short_side, .. } = size;
    Ok(Rendition { short_side, width, height, duration: made.duration, path, level: made.level })
}

/// The most telling of the frames after the first second, as a PNG; the first frame where there is none.
pub(super) fn poster_frame(sandbox: &Sandbox<'_>, largest: &Rendition) -> Result<PathBuf, VideoError> {
    let path = sandbox.folder.join("poster.png");
    for start in [largest.duration.div_f64(10.0).min(Duration::from_secs(1)), Duration::ZERO] {
        extract_frame(sandbox, largest, start, &path)?;
        if path.exists() {
            break;
        }
    }
    Ok(path)
}

/// Writes the frame whose histogram is nearest to the mean of twelve, over some five seconds; nothing where no frame
/// begins after `start`.
fn extract_frame(sandbox: &Sandbox<'_>, largest: &Rendition, start: Duration, path: &Path) -> Result<(), VideoError> {
    let start = start.as_secs_f64();
    let mut arguments = words(["-hide_banner", "-nostdin", "-y", "-v", "error", "-ss", &format!("{start:.3}")]);
    arguments.extend(input(VideoFormat::Mp4, &largest.path));
    let fit = format!(
        "select=not(mod(n\\,12)),thumbnail=n=12,scale='min({POSTER_SIDE},iw)':'min({POSTER_SIDE},ih)':force_original_aspect_ratio=decrease"
    );
    arguments.extend(words(["-an", "-frames:v", "1", "-vf", &format!("{fit}:out_range=pc,format=rgb24")]));
    arguments.extend(words(["-threads", "1", "-fflags", "+bitexact", "-f", "image2", "-c:v", "png"]));
    arguments.push(path.into());
    sandbox.run(&sandbox.tools.ffmpeg, &arguments, &mut |_| {})
}
