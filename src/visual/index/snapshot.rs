//! Snapshots: all of an index as bytes, graphs included, under a checksum.
//!
//! ```text
//! "TSVI" · format (u16) · checksum of what follows (u64, XXH3) · the state (bincode): all little-endian
//! ```
//! A format is never changed: a new one gets a new number, and an index of an older one is built anew by whoever holds
//! the vectors. The format says which engine made the graphs. An index of the other engine takes the vectors and not
//! the graphs: all of them are found at once, one by one, and maintenance builds its own.

use super::{
    Buffer, Engine, Group, IndexSettings, Place, Sealed, Segment, VectorIndex, graph::Graph, library::LibraryGraph,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tessera_domain::hash::stable_hash;

const MAGIC: &[u8; 4] = b"TSVI";
const GRAPH_FORMAT: u16 = 2;
const LIBRARY_FORMAT: u16 = 3;
const HEADER: usize = MAGIC.len() + size_of::<u16>() + size_of::<u64>();

/// Why bytes are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// They do not begin as one does, or of a format that this program knows.
    #[error("this is no snapshot of a format that is known")]
    Format,
    #[error("the snapshot is damaged: {0}")]
    Damaged(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Stored<S> {
    dimensions: u32,
    next_segment: u64,
    groups: Vec<Option<Group>>,
    buffer: Buffer,
    segments: Vec<(u64, S)>,
}

/// An index as it was at a moment; taking one copies no vectors but the buffer's.
pub struct IndexSnapshot {
    format: u16,
    stored: Stored<Arc<Segment>>,
}

impl VectorIndex {
    /// The index as it is now, to be encoded on another thread.
    pub fn snapshot(&self) -> IndexSnapshot {
        let stored = Stored {
            dimensions: self.dimensions as u32,
            next_segment: self.next_segment,
            groups: self.groups.clone(),
            buffer: self.buffer.clone(),
            segments: self.segments.iter().map(|sealed| (sealed.number, sealed.segment.clone())).collect(),
        };
        IndexSnapshot { format: format_of(self.settings.engine), stored }
    }

    /// The index that a snapshot was taken of, whichever engine it had; it goes on with that of `settings`.
    ///
    /// # Errors
    /// [`SnapshotError`] for anything else.
    pub fn from_snapshot(bytes: &[u8], settings: IndexSettings) -> Result<Self, SnapshotError> {
        let (header, state) = bytes.split_at_checked(HEADER).ok_or(SnapshotError::Format)?;
        let made_by = match u16::from_le_bytes([header[4], header[5]]) {
            _ if header[..4] != *MAGIC => return Err(SnapshotError::Format),
            GRAPH_FORMAT => Engine::Graph,
            LIBRARY_FORMAT => Engine::InstantDistance,
            _ => return Err(SnapshotError::Format),
        };
        if header[6..] != stable_hash(state).to_le_bytes() {
            return Err(SnapshotError::Damaged("its checksum is another"));
        }
        // The checksum is right, so this holds unless a defect wrote it; then it is not worth ending the process for.
        let read = || match made_by {
            Engine::Graph => restore(decode::<Graph>(state)?, made_by, settings),
            Engine::InstantDistance => restore(decode::<LibraryGraph>(state)?, made_by, settings),
        };
        catch_unwind(AssertUnwindSafe(read)).ok().flatten().ok_or(SnapshotError::Damaged("its parts do not fit"))
    }
}

impl IndexSnapshot {
    /// The snapshot as bytes.
    ///
    /// # Errors
    /// Only where memory cannot hold them.
    pub fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        let mut bytes = vec![0; HEADER];
        bincode::serde::encode_into_std_write(&self.stored, &mut bytes, bincode::config::legacy())
            .map_err(|_| SnapshotError::Damaged("it cannot be written"))?;
        let checksum = stable_hash(&bytes[HEADER..]);
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..6].copy_from_slice(&self.format.to_le_bytes());
        bytes[6..HEADER].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }
}

fn format_of(engine: Engine) -> u16 {
    match engine {
        Engine::Graph => GRAPH_FORMAT,
        Engine::InstantDistance => LIBRARY_FORMAT,
    }
}

/// The state with graphs of one kind.
fn decode<G: DeserializeOwned>(state: &[u8]) -> Option<Stored<Segment<G>>> {
    bincode::serde::decode_from_slice(state, bincode::config::legacy()).ok().map(|(stored, _)| stored)
}

/// `None` where its parts do not fit each other.
fn restore<G>(stored: Stored<Segment<G>>, made_by: Engine, settings: IndexSettings) -> Option<VectorIndex>
where
    Segment: From<Segment<G>>,
{
    let Stored { dimensions, next_segment, groups, buffer, segments } = stored;
    let mut index = VectorIndex::new(dimensions as usize, settings);
    if !buffer.rows.fit(index.dimensions) || buffer.rows.len() != buffer.groups.len() {
        return None;
    }
    index.next_segment = next_segment;
    index.buffer = buffer;
    index.groups = groups;
    let is_at = |index: &VectorIndex, group: u32, place: Place| {
        index.groups.get(group as usize).is_some_and(|group| group.as_ref().is_some_and(|group| group.place == place))
    };
    for (number, segment) in segments {
        let segment = Segment::from(segment);
        let mut rows = (0..).zip(segment.groups());
        let fits = rows.all(|(row, group)| is_at(&index, *group, Place::Segment { number, row }));
        if !segment.is_whole(index.dimensions) || !fits || number >= next_segment {
            return None;
        }
        let dead: Vec<bool> = segment.groups().iter().map(|group| index.is_dead(*group)).collect();
        let dead_rows = dead.iter().filter(|dead| **dead).count();
        index.segments.push(Sealed { number, segment: Arc::new(segment), dead, dead_rows });
    }
    let mut buffered = (0..).zip(&index.buffer.groups);
    if !buffered.all(|(row, group)| is_at(&index, *group, Place::Buffer { row })) {
        return None;
    }
    for (number, group) in (0..).zip(&index.groups) {
        match group {
            Some(group) => index.by_post.extend(group.members.iter().map(|member| (member.post.post_id, number))),
            None => index.free.push(number),
        }
    }
    // All rows are of groups: where there are as many groups, every group has its row.
    let rows = index.buffer.groups.len() + index.segments.iter().map(|sealed| sealed.segment.len()).sum::<usize>();
    if rows != index.groups.len() - index.free.len() {
        return None;
    }
    if index.settings.engine != made_by {
        index.unseal();
    }
    index.tidy_buffer();
    Some(index)
}

impl VectorIndex {
    /// Puts all that is sealed into the buffer.
    fn unseal(&mut self) {
        for Sealed { segment, dead, .. } in std::mem::take(&mut self.segments) {
            for ((number, vector), is_dead) in segment.iter().zip(dead) {
                if is_dead {
                    self.let_go(number);
                    continue;
                }
                let place = Place::Buffer { row: self.buffer.push(number, vector) };
                if let Some(group) = &mut self.groups[number as usize] {
                    group.place = place;
                }
            }
        }
    }
}
