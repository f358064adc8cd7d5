//! Lies, bombs, truncation and noise: always an error with a sentence, never a panic or a large allocation.

use image::ImageFormat;

use super::build::*;
use super::process;
use crate::{Limits, MediaError, process_image};

#[track_caller]
fn check_refused(file: &[u8], content_type: &str, code: &str, sentence: &str) {
    check_refused_within(&Limits::default(), file, content_type, code, sentence);
}

#[track_caller]
fn check_refused_within(limits: &Limits, file: &[u8], content_type: &str, code: &str, sentence: &str) {
    let error = process_image(file, content_type, limits, &|_| {}).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, sentence), "{error:?}");
    assert!(!error.is_retryable());
}

#[test]
fn types_that_lie_or_are_unknown() {
    let photo = jpeg(&quadrants(16, 16));
    check_refused(&photo, "image/png", "type_mismatch", "This file says it is a PNG but contains a JPEG.");
    check_refused(&photo, "video/mp4", "type_mismatch", "This file says it is video/mp4 but contains a JPEG.");
    check_refused(&photo, "", "type_mismatch", "This file says it is of no type but contains a JPEG.");
    check_refused(b"", "image/jpeg", "empty_file", "The file is empty.");
    let unknown = "This file is not a picture that we can read. Please upload a JPEG, PNG, WebP, GIF or AVIF.";
    check_refused(&[0; 4096], "image/jpeg", "unknown_format", unknown);
    check_refused(b"\xff", "image/jpeg", "unknown_format", unknown);
    let sentence = "This file is an SVG drawing, which is not supported. Please upload a JPEG, PNG, WebP, GIF or AVIF.";
    check_refused(b"<svg onload='x'/>", "image/png", "unsupported_format", sentence);
    let sentence = "This file is a HEIC picture, which is not supported. Please save it as a JPEG and upload that.";
    check_refused(b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic", "unsupported_format", sentence);
}

#[test]
fn limits_speak_in_numbers() {
    let photo = jpeg(&quadrants(100, 60));
    let limits = Limits { max_bytes: 100, ..Limits::default() };
    let sentence = format!("The file has {} bytes; at most 100 are allowed.", photo.len());
    check_refused_within(&limits, &photo, "image/jpeg", "file_too_large", &sentence);
    let limits = Limits { max_dimension: 99, ..Limits::default() };
    let sentence = "The picture is 100 x 60 pixels; at most 99 are allowed on a side.";
    check_refused_within(&limits, &photo, "image/jpeg", "dimensions_too_large", sentence);
    let limits = Limits { max_pixels: 5_999, ..Limits::default() };
    let sentence = "The picture has 6000 pixels; at most 5999 are allowed.";
    check_refused_within(&limits, &photo, "image/jpeg", "too_many_pixels", sentence);
    let limits = Limits { max_frames: 2, ..Limits::default() };
    let mut gif = write(quadrants(10, 10), ImageFormat::Gif);
    let first_block = 13 + 3 * (2 << (gif[10] & 7));
    let frame = gif[first_block..gif.len() - 1].to_vec();
    for _ in 0..2 {
        let end = gif.len() - 1;
        gif.splice(end..end, frame.clone());
    }
    check_refused_within(&limits, &gif, "image/gif", "too_many_frames", "The animation has more than 2 frames.");
    assert!(process(&gif, "image/gif").is_ok());
}

#[test]
fn bombs_are_refused_by_their_headers() {
    let sentence = "The picture is 50000 x 1 pixels; at most 16384 are allowed on a side.";
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let content_type = format.to_mime_type();
        check_refused(&resized_header(format, 50_000, 1), content_type, "dimensions_too_large", sentence);
        let file = resized_header(format, 16_000, 16_000);
        let sentence = "The picture has 256000000 pixels; at most 100000000 are allowed.";
        check_refused(&file, content_type, "too_many_pixels", sentence);
    }
    // Within the pixel limit, and then the stored pixels and their eight-bit copy do not fit.
    let picture = image::DynamicImage::from(quadrants(16, 16)).into_rgba16();
    let mut file = write(picture, ImageFormat::Png);
    file[16..24].copy_from_slice(&[0, 0, 0x20, 0, 0, 0, 0x20, 0]);
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    let sentence = "The picture needs 768 MB of memory to open; at most 512 MB are allowed.";
    check_refused(&file, "image/png", "needs_too_much_memory", sentence);
}

#[test]
fn a_progressive_jpeg_counts_with_its_coefficients() {
    let photo = jpeg_with(&quadrants(640, 640), |jpeg| jpeg.set_progressive(true).unwrap());
    let limits = Limits { max_alloc_bytes: 1_000_000, ..Limits::default() };
    let sentence = "The picture needs 2 MB of memory to open; at most 1 MB are allowed.";
    check_refused_within(&limits, &photo, "image/jpeg", "needs_too_much_memory", sentence);
    assert!(process_image(&jpeg(&quadrants(640, 640)), "image/jpeg", &limits, &|_| {}).is_ok());
}

#[test]
fn a_jpeg_of_endless_scans_is_refused() {
    let limits = Limits { max_jpeg_scans: 3, ..Limits::default() };
    let photo = jpeg_with(&quadrants(64, 64), |jpeg| jpeg.set_progressive(true).unwrap());
    let error = process_image(&photo, "image/jpeg", &limits, &|_| {}).unwrap_err();
    assert_eq!(error.code(), "corrupt_file");
}

#[test]
fn metadata_bombs_cost_nothing() {
    let limits = Limits { max_metadata_bytes: 100_000, ..Limits::default() };
    let png = write(quadrants(16, 16), ImageFormat::Png);
    let text = [b"Comment\0".as_slice(), &vec![b'x'; 400_000]].concat();
    let sentence = "The picture carries more than 1 MB of metadata.";
    check_refused_within(&limits, &with_png_chunk(&png, b"tEXt", &text), "image/png", "metadata_too_large", sentence);

    let part = [b"ICC_PROFILE\0\x01\x02".as_slice(), &vec![0; 60_000]].concat();
    let mut other_part = part.clone();
    other_part[12] = 2;
    let photo = with_segment(&with_segment(&jpeg(&quadrants(16, 16)), 0xe2, &part), 0xe2, &other_part);
    check_refused_within(&limits, &photo, "image/jpeg", "metadata_too_large", sentence);

    let webp = write(quadrants(16, 16), ImageFormat::WebP);
    let file = webp_with_profile(&webp, 16, 16, &vec![0; 100_001]);
    check_refused_within(&limits, &file, "image/webp", "metadata_too_large", sentence);
    let endless = [b"ICCP".as_slice(), &[0xf0, 0xff, 0xff, 0xff]].concat();
    let file = extended_webp(&webp, (16, 16), 0x20, &endless, &[]);
    let sentence = "The file is damaged or incomplete and cannot be opened as a WebP.";
    check_refused(&file, "image/webp", "corrupt_file", sentence);

    // A profile that inflates to 100 MB: ignored at the limit, as a broken one is.
    let bomb = [b"bomb\0\0".as_slice(), &deflated_zeros(100_000_000)].concat();
    assert!(bomb.len() < 1_000_000);
    assert!(process(&with_png_chunk(&png, b"iCCP", &bomb), "image/png").is_ok());
}

#[test]
fn unusual_jpegs_are_named() {
    let mut photo = jpeg(&quadrants(16, 16));
    let frame = photo.windows(2).position(|window| window == [0xff, 0xc0]).unwrap();
    photo[frame + 4] = 12;
    let sentence = "This JPEG uses 12-bit samples, which is not supported.";
    check_refused(&photo, "image/jpeg", "unsupported_feature", sentence);
    photo[frame + 1] = 0xc3;
    let sentence = "This JPEG uses lossless coding, which is not supported.";
    check_refused(&photo, "image/jpeg", "unsupported_feature", sentence);
}

#[test]
fn a_truncated_photo_says_so() {
    let photo = jpeg(&scenery(400, 300));
    let sentence = "The file is damaged or incomplete and cannot be opened as a JPEG.";
    for length in [photo.len() / 3, photo.len() / 2, photo.len() - 50] {
        check_refused(&photo[..length], "image/jpeg", "corrupt_file", sentence);
    }
}

#[test]
fn stray_bytes_before_the_end_are_forgiven() {
    let mut photo = jpeg(&quadrants(160, 120));
    let end = photo.len() - 2;
    photo.splice(end..end, [0; 7]);
    assert!(process(&photo, "image/jpeg").is_ok());
}

#[test]
fn a_panic_inside_ends_that_picture_alone() {
    let photo = jpeg(&quadrants(16, 16));
    let error = process_image(&photo, "image/jpeg", &Limits::default(), &|_| panic!("on purpose")).unwrap_err();
    assert_eq!(error.code(), "corrupt_file");
}

#[test]
fn noise_never_panics_the_caller() {
    let picture = quadrants(40, 30);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let file = write(picture.clone(), format);
        for _ in 0..150 {
            let mut damaged = file.clone();
            for _ in 0..1 + random() % 4 {
                let place = 12 + random() % (damaged.len() - 12);
                damaged[place] = random() as u8;
            }
            let result = process(&damaged, format.to_mime_type());
            assert!(!matches!(result, Err(MediaError::EncodingFailed { .. })), "{result:?}");
        }
    }
}
