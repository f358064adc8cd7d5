//! Files made by other software, compared with that software's own rendering of them; the outputs as ExifTool sees
//! them.
//!
//! Needs ImageMagick's `convert`, libavif's `avifenc` and `avifdec`, and `exiftool`; a test whose tools are not
//! installed says so and checks nothing.

use std::path::Path;
use std::process::Command;

use image::RgbaImage;
use moxcms::ColorProfile;
use tempfile::TempDir;

use super::build::*;
use super::{all, open, process};
use crate::ProcessedImage;

/// How far a channel may be off in the mean over a whole picture.
const TOLERANCE: f64 = 3.0;
/// The same where a palette leaves dots that no lossy encoder keeps.
const PALETTE_TOLERANCE: f64 = 6.0;

/// A folder with the sources, or `None` where a tool is missing.
fn workshop(tools: &[&str]) -> Option<TempDir> {
    for tool in tools {
        let probe = if *tool == "exiftool" { "-ver" } else { "--version" };
        if !Command::new(tool).arg(probe).output().is_ok_and(|output| output.status.success()) {
            eprintln!("{tool} is not installed: nothing is compared with it");
            return None;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let scene = scenery(420, 280);
    scene.save(folder.path().join("scene.png")).unwrap();
    let cut_out = RgbaImage::from_fn(420, 280, |x, y| {
        let [red, green, blue] = scene.get_pixel(x, y).0;
        image::Rgba([red, green, blue, if x < 200 { 255 } else { (455 - x) as u8 }])
    });
    cut_out.save(folder.path().join("cut-out.png")).unwrap();
    let profiles = [("srgb", ColorProfile::new_srgb()), ("p3", ColorProfile::new_display_p3())];
    for (name, profile) in profiles.into_iter().chain([("adobe", ColorProfile::new_adobe_rgb())]) {
        std::fs::write(folder.path().join(format!("{name}.icc")), profile.encode().unwrap()).unwrap();
    }
    Some(folder)
}

/// Runs a command line in the folder; no argument has a space in it.
#[track_caller]
fn run(folder: &TempDir, command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn load(path: &Path) -> RgbaImage {
    image::open(path).unwrap().into_rgba8()
}

/// The mean difference of colours laid over white.
fn mean_error(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let over_white = |pixel: &image::Rgba<u8>, channel: usize| {
        let alpha = f64::from(pixel[3]) / 255.0;
        f64::from(pixel[channel]) * alpha + 255.0 * (1.0 - alpha)
    };
    let total: f64 = a
        .pixels()
        .zip(b.pixels())
        .flat_map(|(a, b)| [0, 1, 2].map(|channel| (over_white(a, channel) - over_white(b, channel)).abs()))
        .sum();
    total / f64::from(a.width() * a.height() * 3)
}

/// A GIF, or a PNG of colour type 3.
fn is_palette(folder: &TempDir, file: &str) -> bool {
    let head = std::fs::read(folder.path().join(file)).unwrap();
    head.starts_with(b"GIF8") || (head.starts_with(b"\x89PNG") && head[25] == 3)
}

#[track_caller]
fn check_against(folder: &TempDir, file: &str, content_type: &str, reference: &str) -> ProcessedImage {
    let processed = process(&std::fs::read(folder.path().join(file)).unwrap(), content_type).unwrap();
    let expected = load(&folder.path().join(reference));
    let tolerance = if is_palette(folder, file) { PALETTE_TOLERANCE } else { TOLERANCE };
    for output in [&processed.large, &processed.medium, &processed.avif, &processed.webp] {
        let error = mean_error(&open(output), &expected);
        assert!(error <= tolerance, "{file} as {}: mean error {error:.2}", output.content_type);
    }
    processed
}

/// Makes a file by ImageMagick and lets it render that as upright sRGB.
#[track_caller]
fn check_convert(folder: &TempDir, options: &str, file: &str, content_type: &str) {
    run(folder, &format!("convert {options} {file}"));
    run(folder, &format!("convert {file}[0] -auto-orient -profile srgb.icc -depth 8 PNG32:reference.png"));
    check_against(folder, file, content_type, "reference.png");
}

#[test]
fn jpegs_as_imagemagick_sees_them() {
    let Some(folder) = workshop(&["convert"]) else { return };
    for options in [
        "scene.png -sampling-factor 4:4:4",
        "scene.png -sampling-factor 4:2:0 -interlace Plane",
        "scene.png -sampling-factor 4:2:2 -quality 96",
        "scene.png -colorspace Gray",
        "scene.png -profile srgb.icc -profile p3.icc",
        "scene.png -profile srgb.icc -profile adobe.icc -interlace Plane",
    ] {
        check_convert(&folder, options, "made.jpg", "image/jpeg");
    }
    // ImageMagick mixes ideal inks too where there is no profile.
    run(&folder, "convert scene.png -colorspace CMYK -quality 97 inks.jpg");
    run(&folder, "convert inks.jpg -colorspace sRGB PNG32:reference.png");
    check_against(&folder, "inks.jpg", "image/jpeg", "reference.png");
}

#[test]
fn inks_of_a_press_profile_as_imagemagick_sees_them() {
    const PRESS: &str = "/usr/share/color/icc/ghostscript/default_cmyk.icc";
    let Some(folder) = workshop(&["convert"]).filter(|_| Path::new(PRESS).exists()) else { return };
    run(&folder, &format!("convert scene.png -profile srgb.icc -profile {PRESS} -quality 97 press.jpg"));
    run(&folder, "convert press.jpg -intent relative +black-point-compensation -profile srgb.icc PNG32:reference.png");
    check_against(&folder, "press.jpg", "image/jpeg", "reference.png");
}

#[test]
fn pngs_and_gifs_as_imagemagick_sees_them() {
    let Some(folder) = workshop(&["convert"]) else { return };
    for (options, file) in [
        ("scene.png -interlace PNG", "made.png"),
        ("cut-out.png -interlace PNG -depth 16", "PNG64:made.png"),
        ("scene.png -colors 200 -dither None", "PNG8:made.png"),
        ("scene.png -colorspace Gray -depth 4", "made.png"),
        ("cut-out.png -colors 200 -dither None -interlace PNG", "PNG8:made.png"),
        ("scene.png -profile srgb.icc -profile p3.icc -depth 16", "PNG48:made.png"),
    ] {
        run(&folder, &format!("convert {options} {file}"));
        run(&folder, "convert made.png -profile srgb.icc -depth 8 PNG32:reference.png");
        check_against(&folder, "made.png", "image/png", "reference.png");
    }
    check_convert(&folder, "scene.png cut-out.png -interlace GIF", "made.gif", "image/gif");
    check_convert(&folder, "cut-out.png -quality 90", "made.webp", "image/webp");
    check_convert(&folder, "scene.png -define webp:lossless=true", "made.webp", "image/webp");
}

/// Makes a file by libavif and lets that render it.
#[track_caller]
fn check_avif(folder: &TempDir, options: &str, source: &str) -> ProcessedImage {
    run(folder, &format!("avifenc -s 9 --min 4 --max 8 --minalpha 0 --maxalpha 4 {options} {source} made.avif"));
    run(folder, "avifdec -d 8 made.avif decoded.png");
    // libavif leaves code points to the reader: what has some other than sRGB's is compared with its source.
    let reference = if options.contains("cicp") { source } else { "reference.png" };
    run(folder, "convert decoded.png -profile srgb.icc PNG32:reference.png");
    check_against(folder, "made.avif", "image/avif", reference)
}

#[test]
fn avifs_as_libavif_sees_them() {
    let Some(folder) = workshop(&["avifenc", "avifdec", "convert"]) else { return };
    for options in
        ["-y 420", "-y 422", "-y 444 -d 10", "-y 420 -d 12", "-y 400 -d 10", "-r limited", "-r limited -d 10"]
    {
        check_avif(&folder, options, "scene.png");
    }
    for matrix in [0, 1, 5, 6, 9] {
        check_avif(&folder, &format!("-y 444 --cicp 1/13/{matrix}"), "scene.png");
    }
    check_avif(&folder, "--icc p3.icc", "scene.png");
    check_avif(&folder, "-y 420 -d 10", "cut-out.png");
    let processed = check_avif(&folder, "-p -r limited", "cut-out.png");
    let error = mean_error(&open(&processed.webp), &load(&folder.path().join("cut-out.png")));
    assert!(error <= TOLERANCE, "{error}");
}

#[test]
fn avifs_of_wide_gamut_by_code_points() {
    let Some(folder) = workshop(&["avifenc", "convert"]) else { return };
    run(&folder, "convert scene.png -profile srgb.icc -profile p3.icc +profile icc p3.png");
    run(&folder, "avifenc -s 9 --min 4 --max 8 --cicp 12/13/1 p3.png made.avif");
    check_against(&folder, "made.avif", "image/avif", "scene.png");
    run(&folder, "avifenc -s 9 --min 4 --max 8 -d 10 --cicp 9/16/9 p3.png hdr.avif");
    let error = process(&std::fs::read(folder.path().join("hdr.avif")).unwrap(), "image/avif").unwrap_err();
    let sentence = "This AVIF uses high dynamic range (PQ or HLG), which is not supported.";
    assert_eq!((error.code(), error.to_string().as_str()), ("unsupported_feature", sentence));
}

#[test]
fn avifs_turned_and_mirrored() {
    let Some(folder) = workshop(&["avifenc", "convert"]) else { return };
    for turns in 0..4 {
        // `-rotate` is clockwise, `irot` anticlockwise.
        let turned = format!("convert scene.png -rotate {}", 360 - 90 * turns);
        for (mirror, change) in [("", ""), ("--imir 0", "-flip"), ("--imir 1", "-flop")] {
            run(&folder, &format!("avifenc -s 9 --min 4 --max 8 --irot {turns} {mirror} scene.png made.avif"));
            run(&folder, &format!("{turned} {change} PNG32:reference.png"));
            check_against(&folder, "made.avif", "image/avif", "reference.png");
        }
    }
}

#[test]
fn avifs_that_are_not_supported_are_named() {
    let Some(folder) = workshop(&["avifenc"]) else { return };
    for (options, feature) in [("--grid 2x2", "a grid of tiles"), ("--crop 20,20,100,100", "a clean aperture")] {
        run(&folder, &format!("avifenc -s 9 -y 420 {options} scene.png made.avif"));
        let error = process(&std::fs::read(folder.path().join("made.avif")).unwrap(), "image/avif").unwrap_err();
        assert_eq!(error.to_string(), format!("This AVIF uses {feature}, which is not supported."));
    }
}

#[test]
fn exiftool_finds_nothing_in_the_outputs() {
    let Some(folder) = workshop(&["exiftool", "convert"]) else { return };
    run(&folder, "convert scene.png -profile p3.icc -set comment SECRETPLACE made.jpg");
    run(
        &folder,
        "exiftool -q -overwrite_original -GPSLatitude=48.8584 -GPSLongitude=2.2945 -GPSLatitudeRef=N -GPSLongitudeRef=E \
         -Make=SECRETMAKER -Orientation#=6 -XMP:Creator=SECRETPERSON -IPTC:City=SECRETPLACE -ThumbnailImage<=made.jpg made.jpg",
    );
    assert!(run(&folder, "exiftool -G -s made.jpg").contains("GPSLatitude"));
    let processed = process(&std::fs::read(folder.path().join("made.jpg")).unwrap(), "image/jpeg").unwrap();
    assert_eq!((processed.width, processed.height), (280, 420));
    let names = ["large.jpg", "medium.jpg", "thumbnail.jpg", "medium.avif", "medium.webp"];
    for (name, output) in names.into_iter().zip(all(&processed)) {
        std::fs::write(folder.path().join(name), &output.bytes).unwrap();
        let groups = "-EXIF:all -GPS:all -IPTC:all -XMP:all -ICC_Profile:all -MakerNotes:all -Photoshop:all -Comment";
        assert_eq!(run(&folder, &format!("exiftool -G -s {groups} {name}")), "", "{name}");
        assert!(!String::from_utf8_lossy(&output.bytes).contains("SECRET"), "{name}");
    }
}
