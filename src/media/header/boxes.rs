//! Boxes of the ISO base media file format (ISO/IEC 14496-12) and the items of HEIF (ISO/IEC 23008-12) in them.
//!
//! Tables are read in place, again for each question, so that nothing grows with what a file claims to hold.

use super::Reader;

/// Extents of one item that are followed. Encoders write one.
const MAX_EXTENTS: usize = 64;
/// Properties of all items together that are looked at.
const MAX_PROPERTIES: usize = 256;

/// A box: its type and what follows its header.
#[derive(Clone, Copy)]
pub(super) struct MediaBox<'a> {
    pub kind: &'a [u8],
    pub body: &'a [u8],
}

/// The boxes in `bytes`, up to the first that is cut short.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = MediaBox<'_>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || next_box(&mut reader))
}

fn next_box<'a>(reader: &mut Reader<'a>) -> Option<MediaBox<'a>> {
    let size = reader.u32_be()?;
    let kind = reader.take(4)?;
    let length = match size {
        0 => reader.rest.len(), // To the end of the file.
        1 => usize::try_from(reader.u64_be()?).ok()?.checked_sub(16)?,
        size => (size as usize).checked_sub(8)?,
    };
    Some(MediaBox { kind, body: reader.take(length)? })
}

/// The body of the first box of a kind.
pub(super) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|candidate| candidate.kind == kind).map(|found| found.body)
}

/// Version and flags of a full box, and the rest of it.
fn full(body: &[u8]) -> Option<(u8, u32, Reader<'_>)> {
    let mut reader = Reader::new(body);
    let [version, a, b, c] = reader.array()?;
    Some((version, u32::from_be_bytes([0, a, b, c]), reader))
}

/// The `meta` box of a file of items.
pub(super) struct Items<'a> {
    file: &'a [u8],
    meta: &'a [u8],
    /// The properties that all items share, counted from 1.
    properties: Vec<MediaBox<'a>>,
}

/// A property that an item has, and whether a reader must know it.
pub(super) struct Property<'a> {
    pub is_essential: bool,
    pub content: MediaBox<'a>,
}

impl<'a> Items<'a> {
    pub(super) fn new(file: &'a [u8]) -> Option<Self> {
        let (_, _, reader) = full(find(file, b"meta")?)?;
        let meta = reader.rest;
        let properties = find(find(meta, b"iprp")?, b"ipco")?;
        Some(Self { file, meta, properties: boxes(properties).take(MAX_PROPERTIES).collect() })
    }

    /// The id of the item that is the picture.
    pub(super) fn primary(&self) -> Option<u32> {
        let (version, _, mut reader) = full(find(self.meta, b"pitm")?)?;
        read_id(&mut reader, version == 0)
    }

    /// The item's type, such as `av01`.
    pub(super) fn kind_of(&self, item: u32) -> Option<&'a [u8]> {
        let (version, _, mut reader) = full(find(self.meta, b"iinf")?)?;
        read_id(&mut reader, version == 0)?; // The number of entries: they end with the box.
        boxes(reader.rest).find_map(|entry| {
            let (version, _, mut reader) = full(entry.body)?;
            let id = read_id(&mut reader, version < 3)?;
            reader.u16_be()?; // Protection.
            (entry.kind == b"infe" && version >= 2 && id == item).then(|| reader.take(4))?
        })
    }

    /// The item's properties in their order; none where the table is broken.
    pub(super) fn properties_of(&self, item: u32) -> Vec<Property<'a>> {
        find(self.meta, b"iprp")
            .and_then(|properties| find(properties, b"ipma"))
            .and_then(|table| self.find_properties(table, item))
            .unwrap_or_default()
    }

    fn find_properties(&self, table: &[u8], item: u32) -> Option<Vec<Property<'a>>> {
        let (version, flags, mut reader) = full(table)?;
        reader.u32_be()?; // The number of entries.
        loop {
            let id = read_id(&mut reader, version == 0)?;
            let count = usize::from(reader.byte()?);
            let is_wide = flags & 1 == 1;
            let indices = reader.take(if is_wide { 2 * count } else { count })?;
            if id != item {
                continue;
            }
            let widened = indices.chunks_exact(if is_wide { 2 } else { 1 }).map(|index| match *index {
                [high, low] => (high & 0x80 != 0, usize::from(u16::from_be_bytes([high & 0x7f, low]))),
                _ => (index[0] & 0x80 != 0, usize::from(index[0] & 0x7f)),
            });
            let property = |(is_essential, index): (bool, usize)| {
                let content = *self.properties.get(index.checked_sub(1)?)?;
                Some(Property { is_essential, content })
            };
            return Some(widened.filter_map(property).collect());
        }
    }

    /// Items that refer to `item` by references of a kind, in the file's order.
    pub(super) fn referring_to(&self, item: u32, kind: &'a [u8; 4]) -> impl Iterator<Item = u32> + use<'a> {
        let table = find(self.meta, b"iref").and_then(full);
        let (is_narrow, references) =
            table.map_or((true, [].as_slice()), |(version, _, reader)| (version == 0, reader.rest));
        boxes(references).filter(move |reference| reference.kind == kind).filter_map(move |reference| {
            let mut reader = Reader::new(reference.body);
            let from = read_id(&mut reader, is_narrow)?;
            let count = reader.u16_be()?;
            (0..count).any(|_| read_id(&mut reader, is_narrow) == Some(item)).then_some(from)
        })
    }

    /// The item's bytes; `None` where they are not all in the file, or add up to more than the file has.
    pub(super) fn bytes_of(&self, item: u32) -> Option<Vec<u8>> {
        let (version, _, mut reader) = full(find(self.meta, b"iloc")?)?;
        let [sizes, more_sizes] = reader.array()?;
        let index_size = if version == 0 { 0 } else { more_sizes & 15 };
        read_id(&mut reader, version < 2)?; // The number of items.
        loop {
            let id = read_id(&mut reader, version < 2)?;
            let method = if version == 0 { 0 } else { reader.u16_be()? & 15 };
            let source = reader.u16_be()?;
            let base = read_number(&mut reader, more_sizes >> 4)?;
            let count = usize::from(reader.u16_be()?);
            let extent_bytes = usize::from(index_size + (sizes >> 4) + (sizes & 15));
            let mut extents = Reader::new(reader.take(count * extent_bytes)?);
            if id != item {
                continue;
            }
            let area = match (method, source) {
                (0, 0) => self.file,
                (1, 0) => find(self.meta, b"idat")?,
                _ => return None,
            };
            if count > MAX_EXTENTS {
                return None;
            }
            let mut bytes = Vec::new();
            for _ in 0..count {
                read_number(&mut extents, index_size)?;
                let start = usize::try_from(base.checked_add(read_number(&mut extents, sizes >> 4)?)?).ok()?;
                let length = usize::try_from(read_number(&mut extents, sizes & 15)?).ok()?;
                let length = if length == 0 { area.len().checked_sub(start)? } else { length };
                if bytes.len() + length > self.file.len() {
                    return None;
                }
                bytes.extend_from_slice(area.get(start..start.checked_add(length)?)?);
            }
            return Some(bytes);
        }
    }
}

fn read_id(reader: &mut Reader<'_>, is_narrow: bool) -> Option<u32> {
    if is_narrow { reader.u16_be().map(u32::from) } else { reader.u32_be() }
}

/// A number of 0, 4 or 8 bytes.
fn read_number(reader: &mut Reader<'_>, size: u8) -> Option<u64> {
    match size {
        0 => Some(0),
        4 => reader.u32_be().map(u64::from),
        8 => reader.u64_be(),
        _ => None,
    }
}
