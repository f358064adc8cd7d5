//! Videos made on the spot by `ffmpeg`, and what `ffprobe` says of one.

use serde_json::Value;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// The bytes of a film that `ffmpeg` makes by one command after the other: each reads `in.mp4`, which the one before
/// wrote.
///
/// # Panics
/// When `ffmpeg` is missing or refuses.
pub fn film(steps: &[&str]) -> Vec<u8> {
    let folder = TempDir::new().expect("a folder");
    let (source, made) = (folder.path().join("in.mp4"), folder.path().join("out.mp4"));
    for step in steps {
        let command = Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(step.split_whitespace())
            .arg("out.mp4")
            .current_dir(folder.path())
            .output()
            .expect("ffmpeg is installed (scripts/prepare --tests)");
        assert!(command.status.success(), "{step}: {}", String::from_utf8_lossy(&command.stderr));
        std::fs::rename(&made, &source).expect("renamed");
    }
    std::fs::read(&source).expect("a film")
}

/// Half a second of a tiny film without sound.
pub fn tiny_film() -> Vec<u8> {
    film(&["-f lavfi -i testsrc2=s=64x48:d=0.5:r=10 -c:v libx264 -preset ultrafast -pix_fmt yuv420p"])
}

/// A film that takes minutes to convert on a small machine: 100 seconds of 1280 x 720 in which everything moves.
pub fn long_film() -> Vec<u8> {
    film(&[
        "-f lavfi -i mandelbrot=s=1280x720:r=30 -t 0.5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 1",
        "-stream_loop 200 -i in.mp4 -c copy",
    ])
}

/// What `ffprobe` says of a file or URL.
///
/// # Panics
/// When it cannot be read as a film.
pub fn probed(location: &Path) -> Value {
    let said = Command::new("ffprobe")
        .args(["-v", "error", "-show_streams", "-show_format", "-of", "json"])
        .arg(location)
        .output()
        .expect("ffprobe is installed");
    assert!(said.status.success(), "{}: {}", location.display(), String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).expect("JSON")
}
