//! The items of an AVIF (AV1 Image File Format 1.1): size, place of the pixels, turn, mirror and colour space.

use image::metadata::Orientation;

use super::av1::{Sequence, read_sequence};
use super::boxes::{Items, Property};
use super::{AvifHeader, Details, Header, Reader};
use crate::color::CodePoints;
use crate::{ImageFormat, Limits, MediaError};

const FORMAT: ImageFormat = ImageFormat::Avif;

/// libaom's notes on each block of four by four pixels, measured and rounded up, for each pixel.
const NOTES_BYTES_PER_PIXEL: u64 = 14;
/// The frame, and copies of it for loop restoration and film grain.
const FRAME_COPIES: u64 = 3;
/// Items said to be the picture's auxiliary ones that are looked at.
const MAX_AUXILIARY_ITEMS: usize = 8;

/// Everything that the properties of the primary item say.
#[derive(Default)]
struct Described {
    size: Option<(u32, u32)>,
    quarter_turns: Option<u8>,
    /// Whether left and right change places, or else top and bottom; and whether that happens before the turn.
    mirror: Option<(bool, bool)>,
    code_points: Option<CodePoints>,
    icc_profile: Option<Vec<u8>>,
}

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Header, MediaError> {
    let items = Items::new(bytes).ok_or_else(|| corrupt("no still picture"))?;
    let primary = items.primary().ok_or_else(|| corrupt("no primary item"))?;
    match items.kind_of(primary) {
        Some(b"av01") => {}
        Some(b"grid") => return Err(unsupported("a grid of tiles")),
        Some(b"iovl") => return Err(unsupported("an overlay of pictures")),
        _ => return Err(corrupt("the primary item is no AV1 picture")),
    }
    let described = describe(&items.properties_of(primary), limits)?;
    let (width, height) = described.size.ok_or_else(|| corrupt("a picture without size"))?;
    let color = items.bytes_of(primary).ok_or_else(|| corrupt("the picture is not in the file"))?;
    let sequence = check_sequence(&color, (width, height))?;

    let alpha_item = items
        .referring_to(primary, b"auxl")
        .take(MAX_AUXILIARY_ITEMS)
        .find(|item| items.properties_of(*item).iter().any(is_alpha));
    let alpha = match alpha_item {
        Some(item) => {
            let alpha = items.bytes_of(item).ok_or_else(|| corrupt("the transparency is not in the file"))?;
            check_sequence(&alpha, (width, height))?;
            Some(alpha)
        }
        None => None,
    };
    let is_premultiplied = alpha_item.is_some_and(|item| items.referring_to(item, b"prem").any(|from| from == primary));
    Ok(Header {
        format: FORMAT,
        width,
        height,
        frames: 1,
        orientation: described.orientation(),
        animation: None,
        decode_bytes: decode_bytes(&sequence, alpha.is_some()),
        details: Details::Avif(AvifHeader {
            color,
            alpha,
            is_premultiplied,
            code_points: described.code_points,
            icc_profile: described.icc_profile,
        }),
    })
}

/// libaom allocates by the bitstream's size, so that is what must be in the limits, and what the container says.
fn check_sequence(bitstream: &[u8], size: (u32, u32)) -> Result<Sequence, MediaError> {
    let sequence = read_sequence(bitstream).ok_or_else(|| corrupt("no AV1 still picture"))?;
    if (sequence.width, sequence.height) != size {
        return Err(corrupt("the container and the bitstream differ in size"));
    }
    Ok(sequence)
}

/// Colour and alpha are decoded after each other.
fn decode_bytes(sequence: &Sequence, has_alpha: bool) -> u64 {
    let pixels = u64::from(sequence.width) * u64::from(sequence.height);
    let frame_bytes = pixels * sequence.samples_per_four_pixels * sequence.bytes_per_sample / 4;
    let output_bytes = pixels * if has_alpha { 4 } else { 3 };
    frame_bytes * FRAME_COPIES + pixels * NOTES_BYTES_PER_PIXEL + output_bytes
}

fn describe(properties: &[Property<'_>], limits: &Limits) -> Result<Described, MediaError> {
    let mut described = Described::default();
    for property in properties {
        let body = property.content.body;
        match property.content.kind {
            b"ispe" => described.size = read_size(body),
            b"irot" => described.quarter_turns = body.first().map(|angle| angle & 3),
            b"imir" => {
                let is_before_turn = described.quarter_turns.is_none();
                described.mirror = body.first().map(|axis| (axis & 1 == 1, is_before_turn));
            }
            b"colr" => read_colors(body, &mut described, limits)?,
            b"clap" => return Err(unsupported("a clean aperture")),
            b"av1C" | b"pixi" | b"pasp" => {}
            _ if property.is_essential => return Err(unsupported("an essential property that we do not know")),
            _ => {}
        }
    }
    Ok(described)
}

fn read_size(body: &[u8]) -> Option<(u32, u32)> {
    let mut reader = Reader::new(body);
    reader.take(4)?; // Version and flags.
    Some((reader.u32_be()?, reader.u32_be()?))
}

/// A `colr` box: code points (ITU-T H.273) or a profile; a file may have both.
fn read_colors(body: &[u8], described: &mut Described, limits: &Limits) -> Result<(), MediaError> {
    let Some((kind, rest)) = body.split_at_checked(4) else { return Ok(()) };
    match (kind, rest) {
        (b"nclx", [p0, p1, t0, t1, m0, m1, range, ..]) => {
            let number = |high, low| u8::try_from(u16::from_be_bytes([high, low])).unwrap_or(CodePoints::UNSPECIFIED);
            described.code_points = Some(CodePoints {
                primaries: number(*p0, *p1),
                transfer: number(*t0, *t1),
                matrix: number(*m0, *m1),
                is_full_range: range & 0x80 != 0,
            });
        }
        (b"prof" | b"rICC", profile) => {
            if profile.len() as u64 > limits.max_metadata_bytes {
                return Err(MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes });
            }
            described.icc_profile = Some(profile.to_vec());
        }
        _ => {}
    }
    Ok(())
}

impl Described {
    /// The EXIF orientation that does what `irot` (anticlockwise) and `imir` ask for, in their order.
    fn orientation(&self) -> Orientation {
        let turns = self.quarter_turns.unwrap_or(0);
        let exif = match self.mirror {
            None => [1, 8, 3, 6][usize::from(turns)],
            Some((is_left_right, is_before_turn)) => {
                // A mirror before a turn is the same mirror after the opposite turn.
                let turns = if is_before_turn { (4 - turns) % 4 } else { turns };
                let table = if is_left_right { [2, 7, 4, 5] } else { [4, 5, 2, 7] };
                table[usize::from(turns)]
            }
        };
        Orientation::from_exif(exif).unwrap_or(Orientation::NoTransforms)
    }
}

fn is_alpha(property: &Property<'_>) -> bool {
    let kind = property.content.body.get(4..).unwrap_or_default();
    property.content.kind == b"auxC"
        && (kind.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
            || kind.starts_with(b"urn:mpeg:hevc:2015:auxid:1\0"))
}

fn corrupt(detail: &str) -> MediaError {
    MediaError::corrupt(FORMAT, detail)
}

fn unsupported(feature: &'static str) -> MediaError {
    MediaError::UnsupportedFeature { format: FORMAT, feature }
}
