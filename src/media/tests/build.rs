//! Makes the files that the tests upload, and opens what comes back.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, RgbImage, RgbaImage};
use turbojpeg::{Compressor, PixelFormat, Subsamp};

pub(super) const RED: [u8; 3] = [200, 40, 30];
pub(super) const GREEN: [u8; 3] = [30, 160, 60];
pub(super) const BLUE: [u8; 3] = [40, 60, 190];
pub(super) const YELLOW: [u8; 3] = [220, 200, 50];

/// Red at the top left, green at the top right, blue at the bottom left, yellow at the bottom right.
pub(super) fn quadrants(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => YELLOW,
        })
    })
}

/// Smooth colours with a little texture, as a photo has.
pub(super) fn scenery(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let texture = (x * 7 + y * 13) % 11;
        image::Rgb([
            (x * 200 / width + texture) as u8,
            (y * 200 / height + texture) as u8,
            ((x + y) * 120 / (width + height) + texture) as u8,
        ])
    })
}

pub(super) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    jpeg_with(picture, |_| {})
}

pub(super) fn jpeg_with(picture: &RgbImage, configure: impl Fn(&mut Compressor)) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(95).unwrap();
    compressor.set_subsamp(Subsamp::Sub2x2).unwrap();
    configure(&mut compressor);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let source = turbojpeg::Image {
        pixels: picture.as_raw().as_slice(),
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(source).unwrap()
}

/// Encodes any picture by the `image` crate.
pub(super) fn write(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG with an embedded profile.
pub(super) fn png_with_profile(picture: &RgbImage, profile: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// A TIFF structure with an orientation and a GPS directory that says `SECRETPLACE`.
pub(super) fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = Vec::from(*b"MM\0\x2a\0\0\0\x08\0\x02");
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    tiff.extend(orientation.to_be_bytes());
    tiff.extend([0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38]); // The GPS directory stands at byte 38.
    tiff.extend([0, 0, 0, 0]);
    tiff.extend([0, 1, 0, 0x1c, 0, 2, 0, 0, 0, 12, 0, 0, 0, 56, 0, 0, 0, 0]); // GPSAreaInformation at byte 56.
    tiff.extend(b"SECRETPLACE\0");
    tiff
}

/// Puts a segment behind a JPEG's start of image.
pub(super) fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, body, &jpeg[2..]].concat()
}

pub(super) fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    with_segment(jpeg, 0xe1, &[b"Exif\0\0".as_slice(), &exif(orientation)].concat())
}

pub(super) fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    with_segment(jpeg, 0xe2, &[b"ICC_PROFILE\0\x01\x01".as_slice(), profile].concat())
}

/// Puts a chunk behind a PNG's header.
pub(super) fn with_png_chunk(png: &[u8], kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&png[..33], &png_chunk(kind, body), &png[33..]].concat()
}

/// A PNG chunk with its length and checksum.
pub(super) fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let tagged = [kind.as_slice(), body].concat();
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), tagged.as_slice(), &crc32(&tagged).to_be_bytes()].concat()
}

/// The checksum of PNG chunks (ISO 3309).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

pub(super) fn webp_with_exif(webp: &[u8], width: u32, height: u32, exif: &[u8]) -> Vec<u8> {
    extended_webp(webp, (width, height), 0x08, &[], &chunk(b"EXIF", exif))
}

pub(super) fn webp_with_profile(webp: &[u8], width: u32, height: u32, profile: &[u8]) -> Vec<u8> {
    extended_webp(webp, (width, height), 0x20, &chunk(b"ICCP", profile), &[])
}

/// A WebP of one lossy or lossless chunk as an extended one, with flags and other chunks around.
pub(super) fn extended_webp(webp: &[u8], size: (u32, u32), flags: u8, before: &[u8], after: &[u8]) -> Vec<u8> {
    let mut body = Vec::from(*b"WEBPVP8X\x0a\0\0\0");
    body.extend([flags, 0, 0, 0]);
    body.extend(&(size.0 - 1).to_le_bytes()[..3]);
    body.extend(&(size.1 - 1).to_le_bytes()[..3]);
    body.extend([before, &webp[12..], after].concat());
    [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

/// A RIFF chunk, padded to an even length.
pub(super) fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [kind.as_slice(), &length, body, &vec![0; body.len() % 2]].concat()
}

/// Decodes an AVIF: walks the boxes to the items' places, decodes AV1 by libaom, converts by the container's `colr`.
pub(super) fn open_avif(file: &[u8]) -> RgbaImage {
    let container = AvifContainer::parse(file);
    assert_eq!(container.color, Some([1, 13, 1, 0x80]), "BT.709 primaries, sRGB transfer, BT.709 matrix, full range");
    let colour = crate::aom::decode_still(container.items[&1]).unwrap();
    assert_eq!(colour.code_points(), [1, 13, 1], "the AV1 sequence header says the same");
    assert!(colour.is_full_range());
    let alpha = container.items.get(&2).map(|item| crate::aom::decode_still(item).unwrap());
    let (width, height) = (colour.width(), colour.height());
    let plane = |frame: &crate::aom::Frame, plane, width: usize, height: usize| -> Vec<u16> {
        let mut samples = vec![0; width * height];
        samples.chunks_exact_mut(width).enumerate().for_each(|(row, target)| frame.read_row(plane, row, target));
        samples
    };
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let luma = plane(&colour, 0, width, height);
    let [blue, red] = [1, 2].map(|index| plane(&colour, index, chroma_width, chroma_height));
    let alpha = alpha.map(|alpha| plane(&alpha, 0, width, height));
    let clamp = |value: f64| value.round().clamp(0.0, 255.0) as u8;
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let luma = f64::from(luma[y * width + x]);
        let blue = f64::from(blue[y / 2 * chroma_width + x / 2]) - 128.0;
        let red = f64::from(red[y / 2 * chroma_width + x / 2]) - 128.0;
        let transparency = alpha.as_ref().map_or(255, |alpha| alpha[y * width + x] as u8);
        let green = luma - 0.187_32 * blue - 0.468_12 * red;
        image::Rgba([clamp(luma + 1.5748 * red), clamp(green), clamp(luma + 1.8556 * blue), transparency])
    })
}

/// What of an AVIF's boxes the tests look at.
pub(super) struct AvifContainer<'a> {
    /// The bytes of each item by its id: 1 colour, 2 alpha.
    pub items: std::collections::BTreeMap<u16, &'a [u8]>,
    /// Primaries, transfer, matrix and the byte with the range flag.
    pub color: Option<[u8; 4]>,
    pub size: (u32, u32),
}

impl<'a> AvifContainer<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Self {
        let mut container = Self { items: Default::default(), color: None, size: (0, 0) };
        assert_eq!(&file[4..12], b"ftypavif");
        container.walk(file, file);
        container
    }

    fn walk(&mut self, file: &'a [u8], mut boxes: &'a [u8]) {
        while let Some((length, rest)) = boxes.split_first_chunk::<4>() {
            let (kind, body) = rest[..u32::from_be_bytes(*length) as usize - 4].split_at(4);
            boxes = &boxes[u32::from_be_bytes(*length) as usize..];
            match kind {
                b"meta" => self.walk(file, &body[4..]),
                b"iprp" | b"ipco" => self.walk(file, body),
                b"ispe" => self.size = (u32_at(body, 4), u32_at(body, 8)),
                b"colr" => self.color = Some([body[5], body[7], body[9], body[10]]),
                b"iloc" => self.read_places(file, body),
                _ => {}
            }
        }
    }

    /// Version 0, four-byte offsets and lengths, no base offset, one extent an item.
    fn read_places(&mut self, file: &'a [u8], body: &[u8]) {
        assert_eq!(&body[..5], [0, 0, 0, 0, 0x44], "the layout that avif-serialize writes");
        let base_bytes = usize::from(body[5] >> 4);
        let mut entries = &body[8..];
        while !entries.is_empty() {
            let id = u16::from_be_bytes([entries[0], entries[1]]);
            entries = &entries[4 + base_bytes..];
            assert_eq!(entries[..2], [0, 1], "one extent");
            let (offset, length) = (u32_at(entries, 2) as usize, u32_at(entries, 6) as usize);
            self.items.insert(id, &file[offset..][..length]);
            entries = &entries[10..];
        }
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(bytes[offset..][..4].try_into().unwrap())
}

/// Rewrites the size in a file's header.
pub(super) fn resized_header(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut file = write(quadrants(16, 16), format);
    match format {
        ImageFormat::Jpeg => {
            let frame = file.windows(2).position(|window| window == [0xff, 0xc0]).unwrap();
            file[frame + 5..frame + 7].copy_from_slice(&(height as u16).to_be_bytes());
            file[frame + 7..frame + 9].copy_from_slice(&(width as u16).to_be_bytes());
        }
        ImageFormat::Png => {
            file[16..20].copy_from_slice(&width.to_be_bytes());
            file[20..24].copy_from_slice(&height.to_be_bytes());
            let checksum = crc32(&file[12..29]);
            file[29..33].copy_from_slice(&checksum.to_be_bytes());
        }
        ImageFormat::Gif => {
            file[6..8].copy_from_slice(&(width as u16).to_le_bytes());
            file[8..10].copy_from_slice(&(height as u16).to_le_bytes());
        }
        _ => file = webp_with_exif(&file, width, height, b""),
    }
    file
}

/// A zlib stream of zeros: one fixed-code block of a literal and matches of 258 bytes at distance 1.
pub(super) fn deflated_zeros(count: usize) -> Vec<u8> {
    let mut bits = vec![true, true, false]; // Last block, fixed codes.
    let push = |bits: &mut Vec<bool>, code: u16, length: u8| {
        (0..length).rev().for_each(|bit| bits.push(code >> bit & 1 == 1));
    };
    push(&mut bits, 0x30, 8); // The literal 0.
    for _ in 0..count / 258 {
        push(&mut bits, 0xc5, 8); // Length 258.
        push(&mut bits, 0, 5); // Distance 1.
    }
    push(&mut bits, 0, 7); // End of block.
    let body = bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |value, bit| value << 1 | u8::from(*bit)));
    [0x78, 0x01].into_iter().chain(body).collect()
}
