//! Snapshots: all of an index as bytes, graphs included, under a checksum.
//!
//! ```text
//! "TSVI" · format (u16) · checksum of what follows (u64, XXH3) · the state (bincode): all little-endian
//! ```
//! A format is never changed: a new one gets a new number, and an index of an older one is built anew by whoever holds the
//! vectors.

use super::{Group, IndexSettings, Member, Place, Sealed, Segment, VectorIndex};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use tessera_domain::hash::stable_hash;

const MAGIC: &[u8; 4] = b"TSVI";
const FORMAT: u16 = 1;
const HEADER: usize = MAGIC.len() + size_of::<u16>() + size_of::<u64>();

/// Why bytes are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// They do not begin as one does, or of a format that this program knows.
    #[error("this is no snapshot of format {FORMAT}")]
    Format,
    /// They are damaged.
    #[error("the snapshot is damaged: {0}")]
    Damaged(&'static str),
}

/// A group without its vector, where a segment has it.
#[derive(Serialize, Deserialize)]
struct StoredGroup {
    vector: Option<Arc<[f32]>>,
    members: Vec<Member>,
    place: Place,
}

#[derive(Serialize, Deserialize)]
struct Stored<S> {
    dimensions: u32,
    next_segment: u64,
    groups: Vec<Option<StoredGroup>>,
    segments: Vec<(u64, S)>,
}

/// An index as it was at a moment; taking one copies no vectors.
pub struct IndexSnapshot(Stored<Arc<Segment>>);

impl VectorIndex {
    /// The index as it is now, to be encoded on another thread.
    pub fn snapshot(&self) -> IndexSnapshot {
        let store = |group: &Group| StoredGroup {
            vector: (group.place == Place::Buffer).then(|| group.vector.clone()),
            members: group.members.clone(),
            place: group.place,
        };
        IndexSnapshot(Stored {
            dimensions: self.dimensions as u32,
            next_segment: self.next_segment,
            groups: self.groups.iter().map(|group| group.as_ref().map(store)).collect(),
            segments: self.segments.iter().map(|sealed| (sealed.number, sealed.segment.clone())).collect(),
        })
    }

    /// The index that a snapshot was taken of.
    ///
    /// # Errors
    /// [`SnapshotError`] for anything else.
    pub fn from_snapshot(bytes: &[u8], settings: IndexSettings) -> Result<Self, SnapshotError> {
        let (header, state) = bytes.split_at_checked(HEADER).ok_or(SnapshotError::Format)?;
        if header[..4] != *MAGIC || header[4..6] != FORMAT.to_le_bytes() {
            return Err(SnapshotError::Format);
        }
        if header[6..] != stable_hash(state).to_le_bytes() {
            return Err(SnapshotError::Damaged("its checksum is another"));
        }
        // The checksum is right, so this holds unless a defect wrote it; then it is not worth ending the process for.
        let read = || {
            let (stored, _): (Stored<Segment>, usize) =
                bincode::serde::decode_from_slice(state, bincode::config::legacy()).ok()?;
            restore(stored, settings)
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
        bincode::serde::encode_into_std_write(&self.0, &mut bytes, bincode::config::legacy())
            .map_err(|_| SnapshotError::Damaged("it cannot be written"))?;
        let checksum = stable_hash(&bytes[HEADER..]);
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..6].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[6..HEADER].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }
}

fn restore(stored: Stored<Segment>, settings: IndexSettings) -> Option<VectorIndex> {
    let mut index = VectorIndex::new(stored.dimensions as usize, settings);
    index.next_segment = stored.next_segment;
    let mut vectors: HashMap<u32, Arc<[f32]>> = HashMap::new();
    for (number, segment) in stored.segments {
        vectors.extend(segment.groups().map(|(group, vector)| (group, vector.clone())));
        index.segments.push(Sealed { number, segment: Arc::new(segment), dead: 0 });
    }
    for (number, group) in stored.groups.into_iter().enumerate() {
        let number = number as u32;
        let Some(StoredGroup { vector, members, place }) = group else {
            index.groups.push(None);
            index.free.push(number);
            continue;
        };
        let vector = vector.or_else(|| vectors.remove(&number))?;
        if vector.len() != index.dimensions {
            return None;
        }
        index.by_post.extend(members.iter().map(|member: &Member| (member.post.post_id, number)));
        let is_dead = members.is_empty();
        index.groups.push(Some(Group { vector, members, place }));
        match place {
            Place::Buffer if is_dead => index.let_go(number),
            Place::Buffer => index.buffer.push(number),
            Place::Segment(segment) => {
                let sealed = index.segments.iter_mut().find(|sealed| sealed.number == segment)?;
                sealed.dead += usize::from(is_dead);
            }
        }
    }
    let known = index.groups.len() as u32;
    let fits = |sealed: &Sealed| sealed.segment.groups().all(|(group, _)| group < known);
    index.segments.iter().all(fits).then_some(index)
}
