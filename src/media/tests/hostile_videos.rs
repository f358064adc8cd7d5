//! Videos made to break what reads them: each ends with a reason or is right, leaves no process behind, and gives
//! nothing of another file away.

use super::video::{Studio, check_mp4};
use crate::video::{CancelFlag, ProcessedVideo, VideoError, VideoLimits, process_video};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

fn refused(done: Result<ProcessedVideo, VideoError>) -> &'static str {
    done.map(|_| ()).expect_err("a refusal").code()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn place(bytes: &[u8], name: &[u8]) -> usize {
    bytes.windows(name.len()).position(|window| window == name).expect("the box")
}

#[test]
fn what_points_at_other_files_or_is_no_film_is_refused() {
    let studio = Studio::open();
    let secret = studio.film("secret.mp4", "160x120", "10", "1", &["-c:v", "libx264"]);
    assert_eq!(studio.refusal("empty.mp4", b""), VideoError::Empty);
    for (name, bytes) in [
        ("concat.mp4", format!("ffconcat version 1.0\nfile {}\n", secret.display())),
        ("playlist.mp4", format!("#EXTM3U\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n", secret.display())),
        ("url.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n".to_owned()),
        ("html.mp4", "<html><script>alert(1)</script></html>".to_owned()),
    ] {
        assert_eq!(studio.refusal(name, bytes.as_bytes()), VideoError::UnknownFormat, "{name}");
    }
    // A true beginning, and a playlist behind it.
    let mut polyglot = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    polyglot.extend(format!("\n#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", secret.display()).bytes());
    assert_eq!(studio.refusal("polyglot.mp4", &polyglot).code(), "corrupt_file");
    let sound = studio.ffmpeg(&["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"], "sound.mp4");
    assert_eq!(studio.refusal("sound-only.mp4", &fs::read(&sound).expect("the file")).code(), "unsuitable_video");
    let cover = studio.film("cover.png", "64x64", "1", "1", &["-frames:v", "1"]);
    let inputs = ["-i", text(&sound), "-i", text(&cover), "-map", "0", "-map", "1", "-c", "copy"];
    let song = studio.ffmpeg(&[&inputs[..], &["-disposition:v", "attached_pic"]].concat(), "song.mp4");
    let told = refused(studio.process_as(&song, "video/mp4", &VideoLimits::default()));
    assert_eq!(told, "unsuitable_video", "a cover is no film");
    let many = [&["-i", text(&secret), "-c", "copy"][..], &["-map", "0:v"].repeat(100)].concat();
    let many = studio.ffmpeg(&many, "many.mp4");
    assert_eq!(refused(studio.process_as(&many, "video/mp4", &VideoLimits::default())), "unsuitable_video");
    let declared = studio.process_as(&secret, "video/webm", &VideoLimits::default());
    assert_eq!(refused(declared), "type_mismatch");
}

/// At every percent of an MP4; with the index in front, and of a WebM, whose rests have to be converted to see what
/// they are, at every tenth.
#[test]
fn truncation_at_every_percent_is_an_error_or_most_of_the_film() {
    let studio = Studio::open();
    let tiny = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "2"];
    let behind = studio.film("behind.mp4", "64x48", "10", "2", &tiny);
    let front = studio.ffmpeg(&["-i", text(&behind), "-c", "copy", "-movflags", "+faststart"], "front.mp4");
    let web = studio.film("web.webm", "64x48", "10", "2", &["-c:v", "libvpx", "-cpu-used", "8"]);
    let cut = |path: &Path, percent: usize| {
        let bytes = fs::read(path).expect("the file");
        let name = format!("{percent}-percent-of-{}", path.file_name().expect("a name").to_string_lossy());
        let cut = studio.path(&name);
        fs::write(&cut, &bytes[..bytes.len() * percent / 100]).expect("written");
        let declared = if name.ends_with("webm") { "video/webm" } else { "video/mp4" };
        match studio.process_as(&cut, declared, &VideoLimits::default()) {
            // A tenth and 1.5 of the two seconds may be missing.
            Ok(video) => assert!(video.duration_ms >= 300 && percent >= 20, "{name}: {}", video.duration_ms),
            Err(error) => assert!(!error.is_retryable(), "{name}: {error:?}"),
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..100).for_each(|percent| cut(&behind, percent)));
        scope.spawn(|| {
            (0..100).step_by(10).for_each(|percent| [&front, &web].iter().for_each(|path| cut(path, percent)))
        });
    });
}

#[test]
fn what_containers_claim_is_not_believed() {
    let studio = Studio::open();
    let source = studio.film("good.mp4", "160x120", "10", "1", &["-c:v", "libx264"]);
    let good = fs::read(&source).expect("the file");
    // The index is whole and most of the pictures are missing.
    let looped = ["-stream_loop", "5", "-i", text(&source), "-c", "copy", "-movflags", "+faststart"];
    let whole = fs::read(studio.ffmpeg(&looped, "front.mp4")).expect("the file");
    for percent in [10, 50, 70] {
        let code = studio.refusal(&format!("front-{percent}.mp4"), &whole[..whole.len() * percent / 100]).code();
        assert_eq!(code, "corrupt_file", "{percent} %");
    }
    // A length of ages.
    let mut bytes = good.clone();
    set_duration(&mut bytes, 0x7fff_ffff);
    assert_eq!(studio.refusal("ages.mp4", &bytes).code(), "video_too_long");
    // The container may say 32,767 pixels on a side: the pictures themselves count.
    let mut bytes = good.clone();
    let entry = place(&bytes, b"stsd");
    let at = entry + place(&bytes[entry..], b"avc1") + 4 + 24;
    assert_eq!(bytes[at..at + 4], [0, 160, 0, 120], "width and height");
    bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0x7f, 0xff]);
    let path = studio.path("boasts.mp4");
    fs::write(&path, bytes).expect("written");
    check_mp4(&studio.process(&path), (160, 120));
    let broad = studio.film("broad.mp4", "9000x64", "1", "1", &["-c:v", "libx264", "-preset", "ultrafast"]);
    let broad = studio.process_as(&broad, "video/mp4", &VideoLimits::default());
    assert_eq!(refused(broad), "dimensions_too_large");
}

fn set_duration(bytes: &mut [u8], value: u32) {
    for (name, offset) in [(b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)] {
        let at = place(bytes, name) + offset;
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
}

/// Lengths below zero, without end, and no numbers: refused, or found out by looking.
#[test]
fn impossible_lengths_are_refused_or_found_out() {
    let studio = Studio::open();
    let mp4 = studio.film("good.mp4", "64x48", "10", "1", &["-c:v", "libx264", "-preset", "ultrafast"]);
    let web = studio.film("good.webm", "64x48", "10", "1", &["-c:v", "libvpx", "-cpu-used", "8"]);
    let [mp4, web] = [mp4, web].map(|path| fs::read(path).expect("the file"));
    let mut claims: Vec<(String, &str, Vec<u8>)> = Vec::new();
    for length in [0xffff_fff0, 0x8000_0000, 0] {
        let mut bytes = mp4.clone();
        set_duration(&mut bytes, length);
        // The edit list says the same.
        let at = place(&bytes, b"elst") + 12;
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        claims.push((format!("{length:x}.mp4"), "video/mp4", bytes));
    }
    // Duration, a float of eight bytes (Matroska, section 5.1.2.10).
    let at = place(&web, b"\x44\x89\x88") + 3;
    for length in [f64::NAN, -1_000.0, f64::INFINITY] {
        let mut bytes = web.clone();
        bytes[at..at + 8].copy_from_slice(&length.to_be_bytes());
        claims.push((format!("{length:e}.webm"), "video/webm", bytes));
    }
    for (name, declared, bytes) in claims {
        let path = studio.path(&name);
        fs::write(&path, bytes).expect("written");
        match studio.process_as(&path, declared, &VideoLimits::default()) {
            Ok(video) => assert!((900..=1_200).contains(&video.duration_ms), "{name}: {}", video.duration_ms),
            Err(error) => assert!(!error.is_retryable() && !error.to_string().contains("NaN"), "{name}: {error:?}"),
        }
    }
}

#[test]
fn limits_hold() {
    let studio = Studio::open();
    let film = studio.film("film.mp4", "160x120", "10", "1", &["-c:v", "libx264", "-preset", "ultrafast"]);
    let refused = |limits: VideoLimits| refused(studio.process_as(&film, "video/mp4", &limits));
    let usual = VideoLimits::default;
    assert_eq!(refused(VideoLimits { max_duration: Duration::from_millis(200), ..usual() }), "video_too_long");
    assert_eq!(refused(VideoLimits { max_side_pixels: 100, ..usual() }), "dimensions_too_large");
    assert_eq!(refused(VideoLimits { max_pixels: 19_199, ..usual() }), "dimensions_too_large");
    assert_eq!(refused(VideoLimits { max_streams: 0, ..usual() }), "unsuitable_video");
    assert_eq!(refused(VideoLimits { max_bit_rate: 100, ..usual() }), "unsuitable_video");
    assert_eq!(refused(VideoLimits { max_frame_rate: 9, ..usual() }), "unsuitable_video");
    assert_eq!(refused(VideoLimits { max_output_bytes: 1_000, ..usual() }), "too_slow");
    let limits = VideoLimits { memory_bytes: 32 * 1024 * 1024, ..usual() };
    assert!(studio.process_as(&film, "video/mp4", &limits).is_err(), "a child has no more memory than it may");
}

/// Processes that run in `folder`.
fn running_in(folder: &Path) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder)).count()
}

#[test]
fn time_limits_and_cancelling_leave_no_process_behind() {
    let studio = Studio::open();
    let short = studio.film("short.mp4", "1280x720", "60", "1", &["-c:v", "libx264", "-preset", "ultrafast"]);
    let short = short.to_str().expect("a path");
    let long = studio.ffmpeg(&["-stream_loop", "39", "-i", short, "-c", "copy"], "long.mp4");
    let folder = studio.path("folder");
    fs::create_dir(&folder).expect("a folder");
    let run = |limits: &VideoLimits, cancel: &CancelFlag| {
        let done = process_video(&studio.tools, &long, &folder, "video/mp4", limits, &|_| {}, cancel);
        done.map(|_| ()).expect_err("it does not end by itself")
    };
    let hurried = Duration::from_millis(100);
    let limits = VideoLimits { base_time: hurried, time_per_second: Duration::ZERO, ..VideoLimits::default() };
    let told = run(&limits, &CancelFlag::default());
    assert!(matches!(told, VideoError::Starved { .. }), "the clock says nothing about the file: {told:?}");
    assert_eq!(running_in(&folder), 0);

    let cancel = CancelFlag::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while running_in(&folder) == 0 && start.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(20));
            }
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
        });
        assert_eq!(run(&VideoLimits::default(), &cancel), VideoError::Cancelled);
    });
    assert_eq!(running_in(&folder), 0);
}

/// What a child dies of decides whether its file is refused for good; programs that die on purpose stand in for
/// `ffprobe`.
#[test]
fn what_the_machine_lacked_is_tried_again_and_what_the_file_wanted_is_not() {
    let mut studio = Studio::open();
    let film = studio.film("film.mp4", "64x48", "10", "1", &["-c:v", "libx264", "-preset", "ultrafast"]);
    studio.tools.ffprobe = studio.path("ffprobe");
    let limits = VideoLimits { probe_limit: Duration::from_secs(2), ..VideoLimits::default() };
    for (script, code, is_retryable) in [
        ("[ $(ulimit -t) = 2 ] && kill -XCPU $$", "too_slow", false),
        ("kill -XFSZ $$", "too_slow", false),
        ("echo film.mp4: Input/output error >&2; exit 1", "corrupt_file", false),
        ("echo moov atom not found >&2; exit 1", "corrupt_file", false),
        ("kill -KILL $$", "starved", true),
        ("exec sleep 60", "starved", true),
        ("echo film.mp4: Cannot allocate memory >&2; exit 1", "starved", true),
        ("echo pthread_create: Resource temporarily unavailable >&2; exit 1", "starved", true),
    ] {
        fs::write(&studio.tools.ffprobe, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&studio.tools.ffprobe, fs::Permissions::from_mode(0o755)).expect("made executable");
        let error = studio.process_as(&film, "video/mp4", &limits).map(|_| ()).expect_err(script);
        assert_eq!((error.code(), error.is_retryable()), (code, is_retryable), "{script}: {error:?}");
    }
}
