//! Files made to break what reads them. Each gives a typed reason or a right picture: no panic, even a caught one;
//! memory and time within the bounds that [`crate::process_image`] states, measured in a process of its own.

use std::process::Command;

use image::ImageFormat;

use super::build::*;
use super::corpus;
use super::process;
use crate::header::read_header;
use crate::raster::{Channels, Raster};
use crate::{Limits, MediaError, process_image, sniff};

/// Processor time for one file of the corpus in a debug build, in seconds; the largest pictures within the limits take
/// the most.
const CPU_LIMIT_S: f64 = 30.0;
/// What is allowed beside a picture's own estimate: see [`Limits::max_alloc_bytes`].
const BESIDE_DECODING_BYTES: u64 = 64 * 1024 * 1024;
/// The same where the estimates themselves are looked at, which are of 14 to 63 MB.
const CLOSELY_BYTES: u64 = 24 * 1024 * 1024;
/// Set in the process that measures.
const MEASURING: &str = "TESSERA_MEASURING";

/// Runs a test of this file again, alone in a process, since peaks of memory are the process's; true in that process.
#[track_caller]
fn is_alone(test: &str) -> bool {
    if std::env::var_os(MEASURING).is_some() {
        return true;
    }
    let name = format!("tests::hostile::{test}");
    let mut child = Command::new(std::env::current_exe().unwrap());
    // Or glibc keeps what one picture freed for the next, which hides what that takes.
    child.env("MALLOC_MMAP_THRESHOLD_", "131072").env("MALLOC_TRIM_THRESHOLD_", "131072");
    let output = child.args(["--exact", &name, "--nocapture"]).env(MEASURING, "1").output().unwrap();
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", words.concat());
    false
}

/// A line of `/proc/self/status`, in bytes; `None` on systems without.
fn status_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Nanoseconds that this thread has computed.
fn cpu_ns() -> u64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    statistics.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Processes a file and checks what it took: `beside_bytes` more than its estimate at most.
#[track_caller]
fn measure(
    name: &str,
    bytes: &[u8],
    content_type: &str,
    beside_bytes: u64,
) -> Result<crate::ProcessedImage, MediaError> {
    let limits = Limits::default();
    let decode_bytes = sniff(bytes)
        .and_then(|format| read_header(bytes, format, &limits).ok())
        .filter(|header| header.check(&limits).is_ok())
        .map_or(0, |header| header.decode_bytes);
    let _ = std::fs::write("/proc/self/clear_refs", "5"); // The peak starts again from here.
    let (before_bytes, before_ns) = (status_bytes("VmRSS"), cpu_ns());
    let result = process_image(bytes, content_type, &limits, &|_| {});
    let cpu_s = (cpu_ns() - before_ns) as f64 / 1e9;
    if let (Some(before), Some(peak)) = (before_bytes, status_bytes("VmHWM")) {
        let grown = peak.saturating_sub(before);
        eprintln!("{name}: {} MB of {} MB, {cpu_s:.2} s", grown >> 20, decode_bytes >> 20);
        assert!(grown <= decode_bytes + beside_bytes, "{name} took {grown} bytes, estimated {decode_bytes}");
    }
    assert!(cpu_s <= CPU_LIMIT_S, "{name} took {cpu_s:.1} s");
    match &result {
        Err(MediaError::Corrupt { detail, .. }) => assert!(!detail.contains("panicked"), "{name}: {detail}"),
        Err(error) => assert!(!error.is_retryable(), "{name}: {error:?}"),
        Ok(_) => {}
    }
    result
}

#[test]
fn every_hostile_file_ends_with_a_reason_or_a_right_picture() {
    if !is_alone("every_hostile_file_ends_with_a_reason_or_a_right_picture") {
        return;
    }
    let warm_up = process(&jpeg(&scenery(1200, 900)), "image/jpeg");
    assert!(warm_up.is_ok());
    let mut surprises = Vec::new();
    for file in corpus::all() {
        let result = measure(file.name, &file.bytes, file.content_type, BESIDE_DECODING_BYTES);
        let found = match &result {
            Ok(_) => "a picture",
            Err(error) => error.code(),
        };
        if found != file.outcome {
            surprises.push(format!("{}: {:?}", file.name, result.as_ref().err()));
        }
        for output in result.iter().flat_map(super::all) {
            let text = String::from_utf8_lossy(&output.bytes);
            assert!(!text.contains("SECRETPLACE") && !text.contains("<script"), "{} leaks", file.name);
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

/// The seeds of the fuzz targets, and what fuzzers found.
#[test]
fn the_fuzzers_corpus_ends_with_reasons_or_pictures() {
    let corpus = format!("{}/../../fuzz/corpus", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["headers", "process"] {
        for entry in std::fs::read_dir(format!("{corpus}/{folder}")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let content_type = sniff(&bytes).map_or("image/jpeg", crate::ImageFormat::content_type);
            if let Err(error) = process(&bytes, content_type) {
                let is_fine = !error.is_retryable() && !format!("{error:?}").contains("panicked");
                assert!(is_fine, "{}: {error:?}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count} files");
}

/// The estimates from the headers hold for real pictures, in each format's costliest layout.
#[test]
fn memory_stays_within_the_estimate() {
    if !is_alone("memory_stays_within_the_estimate") {
        return;
    }
    let (width, height) = (2100, 1400);
    // What is in them matters little; making them does, so they are laid out of one tile.
    let tile = scenery(300, 200);
    let laid = image::RgbImage::from_fn(width, height, |x, y| *tile.get_pixel(x % 300, y % 200));
    let picture = image::DynamicImage::from(laid.clone());
    assert!(process(&jpeg(&scenery(1200, 900)), "image/jpeg").is_ok());
    let progressive = jpeg_with(&laid, |jpeg| {
        jpeg.set_subsamp(turbojpeg::Subsamp::None).unwrap();
        jpeg.set_progressive(true).unwrap();
    });
    let pixels =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [(x >> 6) as u8, (y >> 6) as u8, 90, (x >> 5) as u8]));
    let avif = Raster { width, height, channels: Channels::Rgba, pixels: pixels.collect() };
    let lossy = webp::Encoder::from_rgb(picture.as_bytes(), width, height).encode(80.0).to_vec();
    for (name, bytes) in [
        ("progressive JPEG 4:4:4", progressive),
        ("PNG of 16 bits with alpha", write(picture.to_rgba16(), ImageFormat::Png)),
        ("grey PNG", write(picture.to_luma8(), ImageFormat::Png)),
        ("lossless WebP", write(picture.to_rgba8(), ImageFormat::WebP)),
        ("lossy WebP", lossy),
        ("GIF", super::animation_bombs::gif(&laid)),
        ("AVIF with alpha", crate::avif::encode_avif(&avif, 20).unwrap()),
    ] {
        let content_type = sniff(&bytes).unwrap().content_type();
        assert!(measure(name, &bytes, content_type, CLOSELY_BYTES).is_ok(), "{name}");
    }
}

/// At every percent of each format.
#[test]
fn truncation_at_every_percent_is_an_error_or_most_of_the_picture() {
    for file in corpus::whole_files() {
        for percent in 0..100 {
            let head = &file.bytes[..file.bytes.len() * percent / 100];
            match process(head, file.content_type) {
                Ok(_) => assert!(percent >= 50, "{} cut at {percent} %", file.name),
                Err(MediaError::Corrupt { detail, .. }) => {
                    assert!(!detail.contains("panicked"), "{} cut at {percent} %: {detail}", file.name);
                }
                Err(error) => {
                    let is_too_short = matches!(error.code(), "empty_file" | "unknown_format" | "unsupported_format");
                    assert!(is_too_short && percent < 10, "{} cut at {percent} %: {error:?}", file.name);
                }
            }
        }
    }
}
