//! The hostile files, each made here.

use avif_serialize::Aviffy;
use image::ImageFormat;
use moxcms::{ColorProfile, ToneReprCurve};

use super::build::*;
use crate::raster::{Channels, Raster};

pub(super) struct HostileFile {
    pub name: &'static str,
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
    /// A code of [`crate::MediaError`], or "a picture".
    pub outcome: &'static str,
}

pub(super) fn file(
    name: &'static str,
    content_type: &'static str,
    outcome: &'static str,
    bytes: Vec<u8>,
) -> HostileFile {
    HostileFile { name, content_type, bytes, outcome }
}

/// One right file of each kind, to be cut or changed.
pub(super) fn whole_files() -> Vec<HostileFile> {
    let picture = quadrants(60, 44);
    let lossy = webp::Encoder::from_rgb(picture.as_raw(), 60, 44).encode(80.0).to_vec();
    let interlaced = jpeg_with(&picture, |jpeg| jpeg.set_progressive(true).unwrap());
    vec![
        file("JPEG", "image/jpeg", "a picture", jpeg(&picture)),
        file("progressive JPEG", "image/jpeg", "a picture", interlaced),
        file("PNG", "image/png", "a picture", write(picture.clone(), ImageFormat::Png)),
        file("GIF", "image/gif", "a picture", write(picture.clone(), ImageFormat::Gif)),
        file("lossless WebP", "image/webp", "a picture", write(picture, ImageFormat::WebP)),
        file("lossy WebP", "image/webp", "a picture", lossy),
        file("AVIF", "image/avif", "a picture", avif()),
    ]
}

pub(super) fn all() -> Vec<HostileFile> {
    [
        nonsense(),
        pixel_bombs(),
        frame_bombs(),
        super::animation_bombs::animation_bombs(),
        metadata_bombs(),
        polyglots(),
        odd_numbers(),
        broken_avifs(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn avif() -> Vec<u8> {
    let pixels = quadrants(60, 44).into_raw();
    crate::avif::encode_avif(&Raster { width: 60, height: 44, channels: Channels::Rgb, pixels }, 10).unwrap()
}

fn nonsense() -> Vec<HostileFile> {
    let photo = jpeg(&quadrants(60, 44));
    let disguised = [b"\x89PNG\r\n\x1a\n".as_slice(), &photo].concat();
    vec![
        file("nothing", "image/jpeg", "empty_file", Vec::new()),
        file("zeros", "image/jpeg", "unknown_format", vec![0; 1 << 20]),
        file("a JPEG behind a PNG's magic", "image/png", "corrupt_file", disguised),
        file("a JPEG said to be a GIF", "image/gif", "type_mismatch", photo.clone()),
        file("a JPEG's magic alone", "image/jpeg", "corrupt_file", vec![0xff, 0xd8, 0xff]),
        file("fill bytes without end", "image/jpeg", "corrupt_file", [&photo[..2], &vec![0xff; 1 << 22]].concat()),
        file("a PNG's magic alone", "image/png", "corrupt_file", b"\x89PNG\r\n\x1a\n".to_vec()),
        file("a GIF's magic alone", "image/gif", "corrupt_file", b"GIF89a".to_vec()),
        file("a WebP's magic alone", "image/webp", "corrupt_file", b"RIFF\xff\xff\xff\xffWEBP".to_vec()),
        file("an AVIF's magic alone", "image/avif", "corrupt_file", b"\0\0\0\x10ftypavif\0\0\0\0".to_vec()),
    ]
}

fn pixel_bombs() -> Vec<HostileFile> {
    let mut files = Vec::new();
    for (width, height, outcome) in [(50_000, 1, "dimensions_too_large"), (16_000, 16_000, "too_many_pixels")] {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
            let bytes = resized_header(format, width, height);
            files.push(file("pixels by the header", format.to_mime_type(), outcome, bytes));
        }
        files.push(file("pixels by the header", "image/avif", outcome, hollow_avif(width, height, (width, height))));
    }
    files.push(file("an AVIF that needs memory", "image/avif", "needs_too_much_memory", {
        hollow_avif(10_000, 9_000, (10_000, 9_000))
    }));
    files.push(file("an AVIF larger inside", "image/avif", "corrupt_file", hollow_avif(64, 64, (16_000, 16_000))));
    // 96 megapixels of black in 100 kB: a right picture at the edge of the limits.
    files.push(file("96 megapixels of nothing", "image/png", "a picture", black_png(16_000, 6_000)));
    files.push(file("96 megapixels of a JPEG's header", "image/jpeg", "corrupt_file", {
        resized_header(ImageFormat::Jpeg, 16_000, 6_000)
    }));
    files.push(file("96 megapixels in 99 empty scans", "image/jpeg", "corrupt_file", empty_scans(16_000, 6_000, 99)));
    files.push(file("endless scans", "image/jpeg", "corrupt_file", empty_scans(512, 512, 20_000)));
    files
}

/// A grey PNG without a single bit set.
fn black_png(width: u32, height: u32) -> Vec<u8> {
    let data = deflated_zeros((width as usize + 1) * height as usize + 258);
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &png_chunk(b"IHDR", &header),
        &png_chunk(b"IDAT", &data),
        &png_chunk(b"IEND", &[]),
    ]
    .concat()
}

/// A progressive JPEG of many scans of its first coefficients, all without data.
fn empty_scans(width: u16, height: u16, count: usize) -> Vec<u8> {
    let mut photo = jpeg_with(&quadrants(16, 16), |jpeg| jpeg.set_progressive(true).unwrap());
    let frame = photo.windows(2).position(|window| window == [0xff, 0xc2]).unwrap();
    photo[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    photo[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    let scan = photo.windows(2).position(|window| window == [0xff, 0xda]).unwrap();
    let length = usize::from(u16::from_be_bytes([photo[scan + 2], photo[scan + 3]]));
    let empty = photo[scan..scan + 2 + length].to_vec();
    [&photo[..scan], &empty.repeat(count), &[0xff, 0xd9]].concat()
}

/// An AVIF whose sequence header says `inner` and whose container says `width` x `height`; there is no picture in its
/// frame.
fn hollow_avif(width: u32, height: u32, inner: (u32, u32)) -> Vec<u8> {
    let mut bits = String::from("000"); // Profile.
    bits.push_str("11"); // Still picture, reduced header.
    bits.push_str("11111"); // Level.
    bits.push_str("11111111"); // Sixteen bits for each side.
    bits.push_str(&format!("{:016b}{:016b}", inner.0 - 1, inner.1 - 1));
    bits.push_str("000000"); // Tools.
    bits.push_str("0000000000000000"); // 8 bits, colour, no description, limited range, 4:2:0.
    let body: Vec<u8> = bits
        .as_bytes()
        .chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |value, (index, bit)| value | (bit - b'0') << (7 - index)))
        .collect();
    let sequence = [&[0x0a, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
    let bitstream = [sequence.as_slice(), &[0x32, 4, 0x10, 0, 0, 0]].concat();
    let mut bytes = Vec::new();
    Aviffy::new()
        .set_width(width)
        .set_height(height)
        .set_bit_depth(8)
        .write_slice(&mut bytes, &bitstream, None)
        .unwrap();
    bytes
}

fn frame_bombs() -> Vec<HostileFile> {
    const FRAMES: usize = 100_000;
    let gif = write(quadrants(2, 2), ImageFormat::Gif);
    let first_block = 13 + 3 * (2 << (gif[10] & 7));
    let frame = &gif[first_block..gif.len() - 1];
    let gif = [&gif[..first_block], &frame.repeat(FRAMES), b";"].concat();
    let animation = [b"ANMF".as_slice(), &24u32.to_le_bytes(), &[0; 24]].concat();
    let webp = extended_webp(&write(quadrants(16, 16), ImageFormat::WebP), (16, 16), 2, &animation.repeat(FRAMES), &[]);
    let png = write(quadrants(16, 16), ImageFormat::Png);
    let count = u32::try_from(FRAMES).unwrap().to_be_bytes();
    let png = with_png_chunk(&png, b"acTL", &[count, [0; 4]].concat());
    vec![
        file("a GIF of 100,000 frames", "image/gif", "too_many_frames", gif),
        file("a WebP of 100,000 frames", "image/webp", "too_many_frames", webp),
        file("a PNG of 100,000 frames", "image/png", "too_many_frames", png),
    ]
}

fn metadata_bombs() -> Vec<HostileFile> {
    let png = write(quadrants(16, 16), ImageFormat::Png);
    let photo = jpeg(&quadrants(60, 44));
    let bomb = |prefix: &[u8]| [prefix, &deflated_zeros(200_000_000)].concat();
    let small_bomb = png_chunk(b"zTXt", &[b"k\0\0".as_slice(), &deflated_zeros(1_000_000)].concat());
    let many_bombs = [&png[..33], &small_bomb.repeat(1_000), &png[33..]].concat();
    let many_chunks = [&png[..33], &png_chunk(b"tEXt", b"k\0v").repeat(200_000), &png[33..]].concat();
    let parts: Vec<u8> = (1..=255u8)
        .flat_map(|number| {
            let body = [b"ICC_PROFILE\0".as_slice(), &[number, 255], &vec![0; 60_000]].concat();
            [&[0xff, 0xe2], u16::try_from(body.len() + 2).unwrap().to_be_bytes().as_slice(), &body].concat()
        })
        .collect();
    let large_profile = [&photo[..2], &parts, &photo[2..]].concat();
    let mut many_tags = ColorProfile::new_display_p3().encode().unwrap();
    many_tags[128..132].copy_from_slice(&u32::MAX.to_be_bytes());
    let comments = b"\xff\xfe\0\x04<!".repeat(200_000);
    let webp = webp_with_profile(&write(quadrants(16, 16), ImageFormat::WebP), 16, 16, &vec![0; 15_000_000]);
    let gif = write(quadrants(16, 16), ImageFormat::Gif);
    let colors_end = 13 + 3 * (2 << (gif[10] & 7));
    let blocks = b"\x21\xff\x0bICCRGBG1012\x04<!--\0\x21\xfe\x04<!--\0".repeat(100_000);
    let gif = [&gif[..colors_end], &blocks, &gif[colors_end..]].concat();
    vec![
        file("a profile that inflates to 200 MB", "image/png", "a picture", {
            with_png_chunk(&png, b"iCCP", &bomb(b"bomb\0\0"))
        }),
        file("text that inflates to 200 MB", "image/png", "a picture", {
            with_png_chunk(&png, b"zTXt", &bomb(b"Comment\0\0"))
        }),
        file("unicode text that inflates to 200 MB", "image/png", "a picture", {
            with_png_chunk(&png, b"iTXt", &bomb(b"Comment\0\x01\0\0\0"))
        }),
        file("a thousand texts that inflate", "image/png", "a picture", many_bombs),
        file("200,000 texts", "image/png", "a picture", many_chunks),
        file("a profile of 15 MB", "image/jpeg", "metadata_too_large", large_profile),
        file("a profile of 15 MB", "image/webp", "metadata_too_large", webp),
        file("a profile of 15 MB", "image/avif", "metadata_too_large", avif_with_profile(&vec![0; 15_000_000])),
        file("a profile of nonsense", "image/avif", "a picture", avif_with_profile(b"none")),
        file("100,000 profiles and comments", "image/gif", "a picture", gif),
        file("a profile of four billion tags", "image/jpeg", "a picture", with_profile(&photo, &many_tags)),
        file("200,000 comments", "image/jpeg", "a picture", [&photo[..2], &comments, &photo[2..]].concat()),
    ]
}

/// An AVIF with this profile where its code points were: a property more, by which the boxes around it and the place of
/// the item grow.
fn avif_with_profile(profile: &[u8]) -> Vec<u8> {
    let whole = avif();
    let place = |kind: &[u8; 4]| whole.windows(4).position(|window| window == kind).unwrap();
    let colors = [b"colrprof".as_slice(), profile].concat();
    let colors = [u32::try_from(colors.len() + 4).unwrap().to_be_bytes().as_slice(), &colors].concat();
    let at = place(b"colr") - 4;
    let mut changed = whole.clone();
    let mut grow = |at: usize| {
        let number = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap());
        changed[at..at + 4].copy_from_slice(&(number + u32::try_from(colors.len()).unwrap()).to_be_bytes());
    };
    [b"meta", b"iprp", b"ipco"].iter().for_each(|kind| grow(place(kind) - 4));
    grow(place(b"iloc") + 18);
    [&changed[..at], &colors, &changed[at..]].concat()
}

fn polyglots() -> Vec<HostileFile> {
    let photo = jpeg(&quadrants(60, 44));
    let page = b"<html><script>alert('SECRETPLACE')</script></html>";
    let exif = [b"Exif\0\0".as_slice(), &exif(1), page].concat();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let gif = write(quadrants(16, 16), ImageFormat::Gif);
    let archive = b"PK\x03\x04SECRETPLACE";
    vec![
        file("a page in EXIF", "image/jpeg", "a picture", with_segment(&photo, 0xe1, &exif)),
        file("a page in a comment", "image/jpeg", "a picture", with_segment(&photo, 0xfe, page)),
        file("an archive behind a JPEG", "image/jpeg", "a picture", [photo.as_slice(), archive].concat()),
        file("a page behind a GIF", "image/gif", "a picture", [gif.as_slice(), page].concat()),
        file("a page in a PNG", "image/png", "a picture", {
            with_png_chunk(&write(quadrants(16, 16), ImageFormat::Png), b"tEXt", &[b"k\0".as_slice(), page].concat())
        }),
        file("a drawing as a JPEG", "image/jpeg", "unsupported_format", svg.to_vec()),
        file("a page as a PNG", "image/png", "unsupported_format", page.to_vec()),
        file(
            "a script that begins as a GIF",
            "image/gif",
            "dimensions_too_large",
            b"GIF89a/*<script*/=1;alert(1)".to_vec(),
        ),
    ]
}

/// Numbers that divide by zero, are none, or mean nothing.
fn odd_numbers() -> Vec<HostileFile> {
    let photo = jpeg(&quadrants(60, 44));
    let png = write(quadrants(16, 16), ImageFormat::Png);
    let curves = [
        vec![0.0, 0.0, 0.0, 0.0, 0.0],
        vec![f32::NAN; 5],
        vec![-30_000.0, 30_000.0, -30_000.0, 0.0, 30_000.0, 1.0, -1.0],
        vec![f32::INFINITY; 7],
    ];
    let mut files: Vec<_> = curves
        .into_iter()
        .map(|curve| {
            let mut profile = ColorProfile::new_display_p3();
            profile.red_trc = Some(ToneReprCurve::Parametric(curve));
            let bytes = profile.encode().unwrap_or_else(|_| b"none".to_vec());
            file("a profile of impossible curves", "image/jpeg", "a picture", with_profile(&photo, &bytes))
        })
        .collect();
    let mut flat = ColorProfile::new_display_p3();
    (flat.red_colorant, flat.green_colorant, flat.blue_colorant) = Default::default();
    files.push(file("a profile without colours", "image/jpeg", "a picture", {
        with_profile(&photo, &flat.encode().unwrap_or_else(|_| b"none".to_vec()))
    }));
    // Orientation as a float that is not a number, then one that is its own directory.
    let mut not_a_number = exif(1);
    not_a_number[10..22].copy_from_slice(&[0x01, 0x12, 0, 11, 0, 0, 0, 1, 0x7f, 0xc0, 0, 0]);
    let mut circle = exif(1);
    circle[4..8].copy_from_slice(&[0, 0, 0, 4]);
    for tiff in [not_a_number, circle, b"MM\0\x2a\xff\xff\xff\xff".to_vec(), b"II".to_vec()] {
        let body = [b"Exif\0\0".as_slice(), &tiff].concat();
        files.push(file("EXIF of nonsense", "image/jpeg", "a picture", with_segment(&photo, 0xe1, &body)));
        files.push(file("EXIF of nonsense", "image/png", "a picture", with_png_chunk(&png, b"eXIf", &tiff)));
    }
    for (kind, body) in [(b"gAMA", vec![0; 4]), (b"cHRM", vec![0; 32]), (b"pHYs", vec![0; 9])] {
        files.push(file("chunks of zeros", "image/png", "a picture", with_png_chunk(&png, kind, &body)));
    }
    files
}

/// Boxes that point beyond the file, at themselves, or at each other.
fn broken_avifs() -> Vec<HostileFile> {
    let change = |kind: &[u8; 4], offset: isize, bytes: &[u8]| {
        let mut changed = avif();
        let found = changed.windows(4).position(|window| window == kind).unwrap();
        let place = found.checked_add_signed(offset).unwrap();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let frames = |count| {
        let whole = avif();
        let container = AvifContainer::parse(&whole);
        let bitstream = container.items[&1];
        let frame = bitstream.iter().position(|byte| *byte == 0x32).unwrap();
        let repeated = [&bitstream[..frame], &bitstream[frame..].repeat(count)].concat();
        let mut bytes = Vec::new();
        Aviffy::new().set_width(60).set_height(44).set_bit_depth(8).write_slice(&mut bytes, &repeated, None).unwrap();
        bytes
    };
    [
        ("an extent beyond the file", change(b"iloc", 18, &[0xff; 4])),
        ("an extent without end", change(b"iloc", 22, &[0xff; 4])),
        ("65,535 extents", change(b"iloc", 16, &[0xff; 2])),
        ("four-billion-byte boxes", change(b"ipco", -4, &[0xff; 4])),
        ("a picture of no type", change(b"av01", 0, b"xxxx")),
        ("properties that are not there", change(b"ipma", 0, b"xxxx")),
        ("no primary item", change(b"pitm", 0, b"xxxx")),
        ("a hundred frames", frames(100)),
    ]
    .into_iter()
    .map(|(name, bytes)| file(name, "image/avif", "corrupt_file", bytes))
    .chain([file(
        "code points of nonsense",
        "image/avif",
        "unsupported_feature",
        change(b"nclx", 4, &[0, 99, 0, 99, 0, 99]),
    )])
    .collect()
}
