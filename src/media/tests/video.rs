//! Real videos, made by `ffmpeg` here: what comes out of them.

use crate::video::{CancelFlag, ProcessedVideo, VideoError, VideoLimits, VideoTools, process_video};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};
use tempfile::TempDir;

/// Four corners: red, green, blue, white, clockwise from the top left.
const CORNERS: &str = "color=black:s=SIZE:r=RATE:d=SECONDS,drawbox=0:0:iw/2:ih/2:red:fill,drawbox=iw/2:0:iw/2:ih/2:lime:fill,\
    drawbox=iw/2:ih/2:iw/2:ih/2:blue:fill,drawbox=0:ih/2:iw/2:ih/2:white:fill";

pub(super) struct Studio {
    folder: TempDir,
    pub tools: VideoTools,
}

impl Studio {
    pub(super) fn open() -> Self {
        let tools = VideoTools::find().expect("ffmpeg is installed");
        Self { folder: TempDir::new().expect("a folder"), tools }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Films the four corners; `more` are further inputs and output options.
    pub(super) fn film(&self, name: &str, size: &str, rate: &str, seconds: &str, more: &[&str]) -> PathBuf {
        let source = CORNERS.replace("SIZE", size).replace("RATE", rate).replace("SECONDS", seconds);
        let mut arguments = vec!["-f", "lavfi", "-i", &source];
        arguments.extend(more);
        self.ffmpeg(&arguments, name)
    }

    pub(super) fn ffmpeg(&self, arguments: &[&str], name: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).arg(&path).output();
        let made = made.expect("ffmpeg runs");
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        path
    }

    pub(super) fn process_as(
        &self,
        source: &Path,
        declared: &str,
        limits: &VideoLimits,
    ) -> Result<ProcessedVideo, VideoError> {
        let folder = self.path(&format!("{}-out", source.file_name().expect("a name").to_string_lossy()));
        fs::create_dir_all(&folder).expect("a folder");
        let cancel = CancelFlag::default();
        process_video(&self.tools, source, &folder, declared, limits, &|_| {}, &cancel)
    }

    pub(super) fn process(&self, source: &Path) -> ProcessedVideo {
        let declared = if source.extension().is_some_and(|name| name == "webm") { "video/webm" } else { "video/mp4" };
        let done = self.process_as(source, declared, &VideoLimits::default());
        done.unwrap_or_else(|error| panic!("{}: {error:?}", source.display()))
    }

    pub(super) fn refusal(&self, name: &str, bytes: &[u8]) -> VideoError {
        let path = self.path(name);
        fs::write(&path, bytes).expect("written");
        self.process_as(&path, "video/mp4", &VideoLimits::default()).map(|_| ()).expect_err(name)
    }
}

fn probe(path: &Path) -> Value {
    let told = Command::new("ffprobe")
        .args(["-v", "error", "-show_streams", "-show_format", "-show_chapters", "-of", "json"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    serde_json::from_slice(&told.stdout).expect("JSON")
}

fn streams(report: &Value, kind: &str) -> Vec<Value> {
    let all = report["streams"].as_array().expect("streams");
    all.iter().filter(|stream| stream["codec_type"] == kind).cloned().collect()
}

fn file<'a>(video: &'a ProcessedVideo, name: &str) -> &'a Path {
    &video.files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name}: {:?}", video.files)).path
}

/// Codec, pixels, size, no metadata, index in front: of the largest MP4.
pub(super) fn check_mp4(video: &ProcessedVideo, (width, height): (u32, u32)) {
    let largest = &video.renditions[0];
    assert_eq!((largest.width, largest.height), (width, height));
    let report = probe(&largest.path);
    let picture = &streams(&report, "video")[0];
    assert_eq!((&picture["codec_name"], &picture["pix_fmt"]), (&"h264".into(), &"yuv420p".into()));
    assert_eq!((&picture["width"], &picture["height"]), (&width.into(), &height.into()));
    assert!(picture.get("side_data_list").is_none(), "no rotation is left: {picture}");
    assert_eq!(report["streams"].as_array().map(Vec::len), Some(1 + usize::from(video.has_audio)));
    assert_eq!(report["chapters"].as_array().map(Vec::len), Some(0));
    let bytes = fs::read(&largest.path).expect("the file");
    let at = |name: &[u8]| bytes.windows(4).position(|window| window == name);
    assert!(at(b"moov") < at(b"mdat"), "the index comes first");
    for secret in [b"location".as_slice(), b"+48.8", b"SecretPhone", b"SecretTitle", b"\xa9xyz"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", String::from_utf8_lossy(secret));
    }
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

/// The poster's corners are the film's: nothing was turned.
fn check_corners(video: &ProcessedVideo, what: &str) {
    check_turned_corners(video, what, [RED, GREEN, BLUE, WHITE]);
}

/// The poster's corners, clockwise from the top left.
fn check_turned_corners(video: &ProcessedVideo, what: &str, wanted: [[u8; 3]; 4]) {
    let poster = image::load_from_memory(&video.poster.large.bytes).expect("a JPEG").to_rgb8();
    let (width, height) = poster.dimensions();
    let corners = [(1, 1), (3, 1), (3, 3), (1, 3)].map(|(x, y)| poster.get_pixel(width * x / 4, height * y / 4).0);
    for (found, wanted) in corners.iter().zip(wanted) {
        let error = (0..3).map(|channel| found[channel].abs_diff(wanted[channel])).max();
        assert!(error < Some(60), "{what}: {corners:?}");
    }
}

#[test]
fn a_phones_video_comes_out_upright_and_clean() {
    let studio = Studio::open();
    let flat = studio.film(
        "flat.mov",
        "320x180",
        "30",
        "5",
        &["-f", "lavfi", "-i", "sine=d=5", "-c:v", "libx264", "-c:a", "aac", "-shortest"],
    );
    let chapters = studio.path("chapters.txt");
    fs::write(&chapters, ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=2\ntitle=SecretTitle\n")
        .expect("written");
    let words = studio.path("words.srt");
    fs::write(&words, "1\n00:00:00,000 --> 00:00:02,000\nSecretTitle\n").expect("written");
    // A phone held upright: the frames lie on their side, and the container says how to turn them.
    let turned = studio.ffmpeg(
        &[
            "-i",
            flat.to_str().expect("a path"),
            "-i",
            chapters.to_str().expect("a path"),
            "-i",
            words.to_str().expect("a path"),
            "-map",
            "0",
            "-map",
            "2",
            "-map_chapters",
            "1",
            "-c",
            "copy",
            "-c:s",
            "mov_text",
            "-metadata:s:v",
            "rotate=270",
            "-metadata",
            "location=+48.8584+002.2945/",
            "-metadata",
            "com.apple.quicktime.make=SecretPhone",
            "-metadata",
            "title=SecretTitle",
            "-movflags",
            "use_metadata_tags",
        ],
        "turned.mov",
    );
    let report = probe(&turned);
    // x' = -y, y' = x (ISO 14496-12, 8.3.2): clockwise, which ffprobe counts as negative.
    let turn = &streams(&report, "video")[0]["side_data_list"][0]["rotation"];
    assert_eq!(turn.as_f64(), Some(-90.0));
    assert!(!streams(&report, "subtitle").is_empty() && report["chapters"][0].is_object(), "the upload has them");
    assert!(fs::read(&turned).expect("the file").windows(5).any(|window| window == b"+48.8"), "the upload has it");
    let heard = Mutex::new(Vec::new());
    let folder = studio.path("out");
    fs::create_dir(&folder).expect("a folder");
    let limits = VideoLimits::default();
    let hear = |percent| heard.lock().expect("no panic").push(percent);
    let video =
        process_video(&studio.tools, &turned, &folder, "video/quicktime", &limits, &hear, &CancelFlag::default())
            .expect("processed");
    check_mp4(&video, (180, 320));
    assert!(video.has_audio && (4_900..5_200).contains(&video.duration_ms), "{}", video.duration_ms);
    let heard = heard.into_inner().expect("no panic");
    assert!(heard.is_sorted() && heard.last() == Some(&100), "{heard:?}");
    check_hls(&video);
    // Turned by 90 degrees clockwise, what was at the bottom left is at the top left.
    check_turned_corners(&video, "turned.mov", [WHITE, RED, GREEN, BLUE]);
}

/// The master names each size's playlist; those point into one file that has all the bytes they name.
fn check_hls(video: &ProcessedVideo) {
    let master = fs::read_to_string(file(video, "hls.m3u8")).expect("the master");
    let variants: Vec<&str> = master.lines().filter(|line| !line.starts_with('#')).collect();
    let expected: Vec<String> = video.renditions.iter().map(|size| format!("hls_{}.m3u8", size.short_side)).collect();
    assert_eq!(variants, expected, "{master}");
    assert!(master.contains("CODECS=\"avc1.6400") && master.contains("mp4a.40.2"), "{master}");
    for variant in variants {
        let playlist = fs::read_to_string(file(video, variant)).expect("a playlist");
        assert!(playlist.contains("#EXT-X-ENDLIST") && playlist.contains("#EXT-X-MAP"), "{playlist}");
        let segments = file(video, &variant.replace("m3u8", "mp4"));
        let size = fs::metadata(segments).expect("segments").len();
        let ranges = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-BYTERANGE:"));
        let mut count = 0;
        for range in ranges {
            let (length, start) = range.split_once('@').expect("length@start");
            let (length, start): (u64, u64) = (length.parse().expect("a number"), start.parse().expect("a number"));
            assert!(length > 0 && start + length <= size);
            count += 1;
        }
        assert_eq!(count, 2, "five seconds are two segments: {playlist}");
        let frames = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames"])
            .args(["-of", "csv=p=0"])
            .arg(file(video, variant))
            .output()
            .expect("ffprobe runs");
        let counted =
            String::from_utf8_lossy(&frames.stdout).lines().next().map(|line| line.trim_matches(',').to_owned());
        assert_eq!(counted.as_deref(), Some("150"), "{frames:?}");
    }
}

#[test]
fn every_kind_of_video_becomes_one_that_browsers_play() {
    let studio = Studio::open();
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast"];
    let silent = studio.film("silent.mp4", "640x360", "24", "1", &x264);
    let hevc = studio.film("hevc.mp4", "320x240", "25", "1", &["-c:v", "libx265", "-x265-params", "log-level=none"]);
    let deep = studio.film("deep.mp4", "320x240", "25", "1", &["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]);
    let odd = studio.film("odd.mp4", "321x241", "25", "1", &["-c:v", "libx264", "-pix_fmt", "yuv444p"]);
    let web = studio.film("web.webm", "320x240", "25", "1", &["-c:v", "libvpx-vp9", "-cpu-used", "8"]);
    let fast = studio.film("fast.mp4", "320x240", "120", "1", &x264);
    let uneven = studio.film(
        "uneven.mp4",
        "320x240",
        "30",
        "2",
        &["-vf", "select='lt(t,1)+not(mod(n,7))'", "-vsync", "vfr", "-c:v", "libx264"],
    );
    let wide = studio.film("wide.mp4", "160x240", "25", "1", &["-vf", "setsar=2", "-c:v", "libx264"]);
    for (path, size) in [
        (silent, (640, 360)),
        (hevc, (320, 240)),
        (deep, (320, 240)),
        (odd, (320, 240)),
        (web, (320, 240)),
        (fast, (320, 240)),
        (uneven, (320, 240)),
        (wide, (320, 240)),
    ] {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let video = studio.process(&path);
        assert!(!video.has_audio);
        check_mp4(&video, size);
        check_corners(&video, &name);
        let picture = &streams(&probe(&video.renditions[0].path), "video")[0];
        let rate = picture["avg_frame_rate"].as_str().expect("a rate").to_owned();
        match name.as_str() {
            "fast.mp4" => assert_eq!(rate, "60/1"),
            "uneven.mp4" => assert!((1_700..2_300).contains(&video.duration_ms), "{}", video.duration_ms),
            _ => assert!(video.duration_ms <= 1_100, "{name}: {}", video.duration_ms),
        }
    }
}

#[test]
fn bright_colours_films_without_a_length_and_single_frames_are_taken() {
    let studio = Studio::open();
    let bright = studio.film(
        "bright.mp4",
        "320x240",
        "25",
        "1",
        &[
            "-vf",
            "format=gbrp,zscale=rin=pc:pin=bt709:tin=bt709:p=bt2020:t=smpte2084:m=bt2020nc:r=tv:npl=203,format=yuv420p10le",
            "-c:v",
            "libx265",
            "-x265-params",
            "log-level=none:colorprim=9:transfer=16:colormatrix=9",
        ],
    );
    let told = streams(&probe(&bright), "video").remove(0);
    assert_eq!(told["color_transfer"], "smpte2084", "{told}");
    let video = studio.process(&bright);
    check_mp4(&video, (320, 240));
    check_corners(&video, "bright.mp4");
    let made = streams(&probe(&video.renditions[0].path), "video").remove(0);
    assert_eq!((&made["color_transfer"], &made["color_space"]), (&"bt709".into(), &"bt709".into()));

    // Browsers record so.
    let live = studio.film("live.webm", "160x120", "10", "2", &["-c:v", "libvpx", "-cpu-used", "8", "-live", "1"]);
    assert!(probe(&live)["format"].get("duration").is_none(), "it does not say how long it is");
    assert!((1_900..2_100).contains(&studio.process(&live).duration_ms));

    let still = studio.film("still.mp4", "160x120", "1/5", "5", &["-frames:v", "1", "-c:v", "libx264"]);
    check_corners(&studio.process(&still), "still.mp4");
}
