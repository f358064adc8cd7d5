//! Every accepted format and pixel layout.

use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgba, RgbaImage};

use super::build::*;
use super::{all, check_color, mean_at, open, process};
use crate::sniff::{sniff, sniff_unsupported};

#[track_caller]
fn check_quadrants(file: &[u8], content_type: &str) {
    let processed = process(file, content_type).unwrap();
    for output in all(&processed) {
        check_color(output, (0.2, 0.2), RED, 6.0);
        check_color(output, (0.8, 0.2), GREEN, 6.0);
        check_color(output, (0.2, 0.8), BLUE, 6.0);
        check_color(output, (0.8, 0.8), YELLOW, 6.0);
    }
}

#[test]
fn jpegs_of_all_kinds() {
    let picture = quadrants(330, 210);
    check_quadrants(&jpeg(&picture), "image/jpeg");
    check_quadrants(&jpeg(&picture), "IMAGE/JPG; charset=binary");
    check_quadrants(&jpeg_with(&picture, |jpeg| jpeg.set_progressive(true).unwrap()), "image/jpeg");
    check_quadrants(&jpeg_with(&picture, |jpeg| jpeg.set_subsamp(turbojpeg::Subsamp::None).unwrap()), "image/jpeg");
    check_quadrants(&jpeg_with(&picture, |jpeg| jpeg.set_subsamp(turbojpeg::Subsamp::Sub4x1).unwrap()), "image/jpeg");
    check_quadrants(&jpeg_with(&picture, |jpeg| jpeg.set_arithmetic(true).unwrap()), "image/jpeg");
    check_quadrants(&jpeg(&quadrants(2801, 1603)), "image/jpeg");
}

#[test]
fn pngs_of_all_kinds() {
    let rgb = DynamicImage::from(quadrants(330, 210));
    check_quadrants(&write(rgb.clone(), ImageFormat::Png), "image/png");
    check_quadrants(&write(rgb.to_rgba8(), ImageFormat::Png), "image/png");
    check_quadrants(&write(rgb.to_rgb16(), ImageFormat::Png), "image/png");
    check_quadrants(&write(rgb.to_rgba16(), ImageFormat::Png), "image/png");
    check_quadrants(&palette_png(), "image/png");
}

/// 64 x 64 pixels of two bits with a palette, deflated without compression.
fn palette_png() -> Vec<u8> {
    let row = |left: u8, right: u8| [&[0][..], &[left * 0x55; 8], &[right * 0x55; 8]].concat();
    let rows = [row(0, 1).repeat(32), row(2, 3).repeat(32)].concat();
    let length = u16::try_from(rows.len()).unwrap();
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&rows);
    let (a, b) = rows.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    data.extend((b << 16 | a).to_be_bytes());

    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &png_chunk(b"IHDR", &[0, 0, 0, 64, 0, 0, 0, 64, 2, 3, 0, 0, 0]),
        &png_chunk(b"PLTE", &[RED, GREEN, BLUE, YELLOW].concat()),
        &png_chunk(b"IDAT", &data),
        &png_chunk(b"IEND", &[]),
    ]
    .concat()
}

#[test]
fn greys_stay_grey() {
    let picture = DynamicImage::from(scenery(300, 200));
    let mut files = vec![write(picture.to_luma8(), ImageFormat::Png), write(picture.to_luma16(), ImageFormat::Png)];
    files.push(write(picture.to_luma_alpha8(), ImageFormat::Png));
    files.push(write(picture.to_luma8(), ImageFormat::Jpeg));
    let expected = mean_at(&DynamicImage::from(picture.to_luma8()).into_rgba8(), 0.7, 0.3)[0] as u8;
    for file in files {
        let content_type = sniff(&file).unwrap().content_type();
        for output in all(&process(&file, content_type).unwrap()).into_iter().take(2) {
            check_color(output, (0.7, 0.3), [expected; 3], 3.0);
        }
    }
}

/// Red, opaque on the left, transparent on the right, half of each in the middle.
fn translucent() -> RgbaImage {
    RgbaImage::from_fn(300, 200, |x, _| Rgba([200, 40, 30, [255, 128, 0][x as usize / 100]]))
}

#[test]
fn transparency_is_white_in_jpegs_and_kept_in_avif_and_webp() {
    for file in [write(translucent(), ImageFormat::Png), write(translucent(), ImageFormat::WebP)] {
        let processed = process(&file, sniff(&file).unwrap().content_type()).unwrap();
        for output in [&processed.large, &processed.medium] {
            check_color(output, (0.15, 0.5), RED, 6.0);
            check_color(output, (0.5, 0.5), [227, 147, 142], 6.0);
            check_color(output, (0.85, 0.5), [255, 255, 255], 2.0);
        }
        for output in [&processed.avif, &processed.webp] {
            let picture = open(output);
            let alpha = [0.15, 0.5, 0.85].map(|x| mean_at(&picture, x, 0.5)[3]);
            assert!(alpha[0] > 253.0 && (alpha[1] - 128.0).abs() < 4.0 && alpha[2] < 3.0, "{alpha:?}");
            check_color(output, (0.15, 0.5), RED, 6.0);
            check_color(output, (0.5, 0.5), RED, 6.0);
        }
    }
}

#[test]
fn webps_of_both_kinds() {
    let picture = quadrants(330, 210);
    check_quadrants(&write(picture.clone(), ImageFormat::WebP), "image/webp");
    let lossy = webp::Encoder::from_rgb(picture.as_raw(), 330, 210).encode(90.0);
    check_quadrants(&lossy, "image/webp");
}

#[test]
fn an_animated_gif_counts_as_its_first_frame() {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    let first = DynamicImage::from(quadrants(330, 210)).into_rgba8();
    let second = RgbaImage::from_pixel(330, 210, Rgba([0, 0, 0, 255]));
    encoder.encode_frames([first, second].map(Frame::new)).unwrap();
    drop(encoder);
    check_quadrants(&file, "image/gif");
}

#[test]
fn a_gif_frame_smaller_than_its_canvas_is_put_in_place() {
    let mut file = write(quadrants(100, 80), ImageFormat::Gif);
    // The canvas becomes 200 x 160 and the frame moves to its lower right quarter.
    file[6..10].copy_from_slice(&[200, 0, 160, 0]);
    let descriptor = file.windows(9).position(|window| window == [0x2c, 0, 0, 0, 0, 100, 0, 80, 0]).unwrap();
    file[descriptor + 1..descriptor + 5].copy_from_slice(&[100, 0, 80, 0]);
    let processed = process(&file, "image/gif").unwrap();
    assert_eq!((processed.width, processed.height), (200, 160));
    check_color(&processed.large, (0.2, 0.2), [255, 255, 255], 3.0);
    check_color(&processed.large, (0.6, 0.6), RED, 8.0);
    check_color(&processed.large, (0.9, 0.9), YELLOW, 8.0);
}

#[test]
fn an_animated_webp_counts_as_its_first_frame() {
    let config = webp::WebPConfig::new().unwrap();
    let mut encoder = webp::AnimEncoder::new(330, 210, &config);
    let first = quadrants(330, 210);
    let second = image::RgbImage::new(330, 210);
    encoder.add_frame(webp::AnimFrame::from_rgb(first.as_raw(), 330, 210, 0));
    encoder.add_frame(webp::AnimFrame::from_rgb(second.as_raw(), 330, 210, 100));
    check_quadrants(&encoder.encode(), "image/webp");
}

#[test]
fn content_decides_what_a_file_is() {
    let picture = quadrants(8, 8);
    for (format, name) in [
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Png, "image/png"),
        (ImageFormat::WebP, "image/webp"),
        (ImageFormat::Gif, "image/gif"),
    ] {
        assert_eq!(sniff(&write(picture.clone(), format)).unwrap().content_type(), name);
    }
    for (head, name) in [
        (b"\0\0\0\x20ftypheic".as_slice(), "a HEIC picture"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"\0\0\0\x20ftypisom", "an MP4 or QuickTime video"),
        (b"II*\0", "a TIFF picture"),
        (b"BM....", "a BMP picture"),
        (b"%PDF-1.7", "a PDF document"),
        (b" \n<?xml version='1.0'?><!-- hello --><SVG xmlns=", "an SVG drawing"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "an HTML page"),
        (b"<script>alert(1)</script>", "an HTML page"),
    ] {
        let foreign = sniff_unsupported(head).unwrap();
        assert_eq!((sniff(head), foreign.name), (None, name));
        assert_eq!(foreign.is_photo, name.ends_with("picture"));
    }
    assert_eq!(sniff_unsupported(b"hello"), None);
    for head in [b"\0\0\0\x20ftypavif".as_slice(), b"\0\0\0\x1cftypmif1\0\0\0\0miafMA1Bavif"] {
        assert_eq!(sniff(head), Some(crate::ImageFormat::Avif));
    }
}
