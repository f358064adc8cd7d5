//! What an AV1 bitstream says of itself before it is decoded (AV1 Bitstream & Decoding Process Specification, section
//! 5).

use super::Reader;

/// Frames in one still picture: more than the layers that encoders write, few enough to cost little.
const MAX_FRAMES: u32 = 8;

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// What the sequence header (5.5) promises of every frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// No frame is wider, in pixels.
    pub width: u32,
    /// No frame is higher, in pixels.
    pub height: u32,
    /// Bytes that libaom keeps a sample in.
    pub bytes_per_sample: u64,
    /// Samples of all planes in a square of two by two pixels.
    pub samples_per_four_pixels: u64,
}

/// The one sequence header of a still picture. `None` where there is none, where there are different ones, or where
/// more frames follow than a still picture has.
pub(crate) fn read_sequence(bitstream: &[u8]) -> Option<Sequence> {
    let mut reader = Reader::new(bitstream);
    let mut sequence = None;
    let mut frames = 0;
    while !reader.rest.is_empty() {
        let (kind, body) = next_unit(&mut reader)?;
        match kind {
            SEQUENCE_HEADER => {
                let found = read_header(&mut Bits { bytes: body, position: 0 })?;
                if sequence.is_some_and(|known| known != found) {
                    return None;
                }
                sequence = Some(found);
            }
            FRAME_HEADER | FRAME => frames += 1,
            _ => {}
        }
    }
    sequence.filter(|_| (1..=MAX_FRAMES).contains(&frames))
}

/// The next open bitstream unit: its type and payload.
fn next_unit<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let header = reader.byte()?;
    let (is_forbidden, has_extension, has_size) = (header & 0x80 != 0, header & 4 != 0, header & 2 != 0);
    if is_forbidden {
        return None;
    }
    if has_extension {
        reader.byte()?;
    }
    let length = if has_size { read_leb128(reader)? } else { reader.rest.len() };
    Some((header >> 3 & 15, reader.take(length)?))
}

fn read_leb128(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0u64;
    for index in 0..8 {
        let byte = reader.byte()?;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// Bits, the highest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1 == 1;
        self.position += 1;
        Some(bit)
    }

    /// At most 32 bits.
    fn number(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0, |value, _| Some(value << 1 | u32::from(self.bit()?)))
    }

    /// `uvlc()`; its value is never needed.
    fn skip_variable(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        self.number(if zeros < 32 { zeros } else { 0 }).map(|_| ())
    }
}

fn read_header(bits: &mut Bits<'_>) -> Option<Sequence> {
    let profile = bits.number(3)?;
    let is_still = bits.bit()?;
    let is_reduced = bits.bit()?;
    if is_reduced {
        if !is_still {
            return None;
        }
        bits.number(5)?; // Level.
    } else {
        skip_operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
    let (width, height) = (bits.number(width_bits)? + 1, bits.number(height_bits)? + 1);
    if !is_reduced && bits.bit()? {
        bits.number(7)?; // Lengths of frame ids.
    }
    bits.number(3)?; // Superblocks of 128, intra filter, edge filter.
    if !is_reduced {
        skip_inter_tools(bits)?;
    }
    bits.number(3)?; // Super-resolution, CDEF, restoration.
    let (depth, samples_per_four_pixels) = read_colors(bits, profile)?;
    Some(Sequence { width, height, bytes_per_sample: if depth > 8 { 2 } else { 1 }, samples_per_four_pixels })
}

/// From `timing_info_present_flag` to the last operating point.
fn skip_operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.bit()? {
        bits.number(32)?;
        bits.number(32)?;
        if bits.bit()? {
            bits.skip_variable()?;
        }
        if bits.bit()? {
            delay_bits = Some(bits.number(5)? + 1);
            bits.number(32)?;
            bits.number(10)?;
        }
    }
    let has_display_delays = bits.bit()?;
    for _ in 0..=bits.number(5)? {
        bits.number(12)?;
        let has_tier = bits.number(5)? > 7;
        if has_tier {
            bits.bit()?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.bit()?
        {
            bits.number(delay_bits)?;
            bits.number(delay_bits)?;
            bits.bit()?;
        }
        if has_display_delays && bits.bit()? {
            bits.number(4)?;
        }
    }
    Some(())
}

/// From `enable_interintra_compound` to the bits of the order hint.
fn skip_inter_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.number(4)?;
    let has_order_hint = bits.bit()?;
    if has_order_hint {
        bits.number(2)?;
    }
    let may_have_screen_content = bits.bit()? || bits.bit()?;
    if may_have_screen_content && !bits.bit()? {
        bits.bit()?;
    }
    if has_order_hint {
        bits.number(3)?;
    }
    Some(())
}

/// `color_config()` up to the subsampling: bits of a sample, and samples of four pixels.
fn read_colors(bits: &mut Bits<'_>, profile: u32) -> Option<(u32, u64)> {
    let is_deep = bits.bit()?;
    let depth = match (is_deep, profile) {
        (true, 2) => 10 + 2 * bits.number(1)?,
        (true, _) => 10,
        (false, _) => 8,
    };
    let is_grey = profile != 1 && bits.bit()?;
    let description = if bits.bit()? { [bits.number(8)?, bits.number(8)?, bits.number(8)?] } else { [2; 3] };
    if is_grey {
        return Some((depth, 4));
    }
    if description == [1, 13, 0] {
        return Some((depth, 12)); // sRGB itself, not subsampled.
    }
    bits.bit()?; // Range.
    let samples = match (profile, depth) {
        (0, _) => 6,
        (1, _) => 12,
        (2, 12) if !bits.bit()? => 12,
        (2, 12) if bits.bit()? => 6,
        (2, _) => 8,
        _ => return None,
    };
    Some((depth, samples))
}
