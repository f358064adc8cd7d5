//! The segments of a JPEG up to its first scan (ISO 10918-1 annex B; EXIF 2.3 APP1; ICC.1 annex B.4 APP2; Adobe APP14).

use image::metadata::Orientation;

use super::{Details, Header, JpegHeader, Reader, exif_orientation};
use crate::{ImageFormat, Limits, MediaError};

const FORMAT: ImageFormat = ImageFormat::Jpeg;

#[derive(Default)]
struct Segments<'a> {
    frame: Option<Frame>,
    orientation: Option<Orientation>,
    /// Sequence number and data of each part of the profile.
    icc_parts: Vec<(u8, &'a [u8])>,
    icc_part_count: u8,
    has_adobe_marker: bool,
    components_in_first_scan: u8,
}

struct Frame {
    width: u32,
    height: u32,
    is_progressive: bool,
    components: u8,
    /// Samples of all components together, each padded to whole blocks.
    padded_samples: u64,
}

pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Header, MediaError> {
    let mut segments = Segments::default();
    walk(bytes, &mut segments)?;
    let frame = segments.frame.as_ref().ok_or_else(|| truncated("no frame header"))?;

    let needs_coefficients = frame.is_progressive || segments.components_in_first_scan < frame.components;
    // Two bytes for each coefficient. The decoder's output is scaled down as it is made, to 20 MB at most.
    let coefficient_bytes = if needs_coefficients { frame.padded_samples * 2 } else { 0 };
    Ok(Header {
        format: FORMAT,
        width: frame.width,
        height: frame.height,
        frames: 1,
        orientation: segments.orientation.unwrap_or(Orientation::NoTransforms),
        animation: None,
        decode_bytes: coefficient_bytes,
        details: Details::Jpeg(JpegHeader {
            components: frame.components,
            has_adobe_marker: segments.has_adobe_marker,
            icc_profile: join_profile(&segments, limits)?,
        }),
    })
}

/// Collects the segments from the start of the image to the first start of scan.
fn walk<'a>(bytes: &'a [u8], segments: &mut Segments<'a>) -> Result<(), MediaError> {
    let mut reader = Reader::new(bytes);
    loop {
        let marker = next_marker(&mut reader).ok_or_else(|| truncated("no scan"))?;
        if matches!(marker, 0x01 | 0xd0..=0xd8) {
            continue; // These stand alone: temporary, restart, start of image.
        }
        if marker == 0xd9 {
            return Err(truncated("the picture ends before its first scan"));
        }
        let length = reader.u16_be().ok_or_else(|| truncated("a segment without length"))?;
        let body = usize::from(length)
            .checked_sub(2)
            .and_then(|length| reader.take(length))
            .ok_or_else(|| truncated("a segment runs past the end"))?;
        match marker {
            0xc0..=0xc2 | 0xc9 | 0xca => {
                let frame = read_frame(body, marker).ok_or_else(|| truncated("a short frame header"))??;
                segments.frame = Some(frame);
            }
            0xc3 => return Err(unsupported("lossless coding")),
            0xc5..=0xc7 | 0xcb | 0xcd..=0xcf => return Err(unsupported("hierarchical or lossless coding")),
            0xda => {
                segments.components_in_first_scan = body.first().copied().unwrap_or(0);
                return Ok(());
            }
            0xe1 if body.starts_with(b"Exif\0\0") => {
                segments.orientation.get_or_insert_with(|| exif_orientation(body));
            }
            0xe2 => collect_profile_part(body, segments),
            0xee if body.starts_with(b"Adobe") => segments.has_adobe_marker = true,
            _ => {}
        }
    }
}

/// Skips what is not a marker, as decoders do, and the fill bytes before one.
fn next_marker(reader: &mut Reader<'_>) -> Option<u8> {
    loop {
        while reader.byte()? != 0xff {}
        loop {
            match reader.byte()? {
                0xff => {}
                0x00 => break,
                marker => return Some(marker),
            }
        }
    }
}

/// `None` where the segment is too short, an error where it is not supported.
fn read_frame(body: &[u8], marker: u8) -> Option<Result<Frame, MediaError>> {
    let mut reader = Reader::new(body);
    if reader.byte()? != 8 {
        return Some(Err(unsupported("12-bit samples")));
    }
    let height = u32::from(reader.u16_be()?);
    let width = u32::from(reader.u16_be()?);
    let components = reader.byte()?;
    if !matches!(components, 1 | 3 | 4) {
        return Some(Err(unsupported("an unusual number of colour components")));
    }
    let mut factors = [(1u64, 1u64); 4];
    for factor in factors.iter_mut().take(usize::from(components)) {
        let [_id, sampling, _table] = reader.array()?;
        *factor = (u64::from(sampling >> 4).clamp(1, 4), u64::from(sampling & 15).clamp(1, 4));
    }
    let used = &factors[..usize::from(components)];
    let max_across = used.iter().map(|f| f.0).max()?;
    let max_down = used.iter().map(|f| f.1).max()?;
    let units_across = u64::from(width).div_ceil(8 * max_across);
    let units_down = u64::from(height).div_ceil(8 * max_down);
    let blocks_in_unit: u64 = used.iter().map(|(across, down)| across * down).sum();
    Some(Ok(Frame {
        width,
        height,
        is_progressive: matches!(marker, 0xc2 | 0xca),
        components,
        padded_samples: units_across * units_down * blocks_in_unit * 64,
    }))
}

fn collect_profile_part<'a>(body: &'a [u8], segments: &mut Segments<'a>) {
    let Some([sequence, count, data @ ..]) = body.strip_prefix(b"ICC_PROFILE\0") else { return };
    segments.icc_part_count = *count;
    segments.icc_parts.push((*sequence, data));
}

/// The whole profile, or none where a part is missing or comes twice: browsers ignore such a profile, and so do we.
fn join_profile(segments: &Segments<'_>, limits: &Limits) -> Result<Option<Vec<u8>>, MediaError> {
    let mut parts = segments.icc_parts.clone();
    parts.sort_by_key(|(sequence, _)| *sequence);
    let is_whole = parts.len() == usize::from(segments.icc_part_count)
        && parts.iter().zip(1u16..).all(|((sequence, _), expected)| u16::from(*sequence) == expected);
    if parts.is_empty() || !is_whole {
        return Ok(None);
    }
    let total_bytes: u64 = parts.iter().map(|(_, data)| data.len() as u64).sum();
    if total_bytes > limits.max_metadata_bytes {
        return Err(MediaError::MetadataTooLarge { max_metadata_bytes: limits.max_metadata_bytes });
    }
    Ok(Some(parts.iter().flat_map(|(_, data)| data.iter().copied()).collect()))
}

fn truncated(detail: &str) -> MediaError {
    MediaError::corrupt(FORMAT, detail)
}

fn unsupported(feature: &'static str) -> MediaError {
    MediaError::UnsupportedFeature { format: FORMAT, feature }
}
