//! An index of vectors that is searchable at once, never waits for its own upkeep, and forgets what is deleted.
//!
//! ```text
//! insert ─► nearly the same as one there? ─► that vector's group gets another post
//!           └ no ─► buffer: scanned one by one, exactly
//! maintenance (on a thread of its own): a full buffer is put into a copy of the largest graph with room for it; small
//! graphs are joined; graphs with many dead vectors are written anew. Searches go on with what there was, until the
//! swap.
//! ```
//!
//! Two engines make the graphs: one of our own, and the crate `instant-distance`, whose graphs cannot grow, so that a
//! full buffer becomes a graph of its own and four of about one size become one. All else is common to both
//! ([`Engine`]).
//!
//! - **Groups**: pictures that are equal or nearly so share one vector with a list of posts. Equal vectors break a
//!   graph: all links of each lead to the others.
//! - **Filters** are applied inside the search, and one that refuses most of what is near is answered exactly: see
//!   [`VectorIndex::search`].
//! - **Deletions** take effect at once; a dead vector leaves a graph when that is written anew, at the latest when a
//!   fifth of the graph is dead.
//! - **Snapshots** carry the graphs, under a checksum.
//!
//! HNSW: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
//! Small World graphs", 2016. Segments, buffer and tombstones as in Lucene and Qdrant.

mod distance;
mod graph;
mod library;
mod maintenance;
mod near;
mod rows;
mod search;
mod segment;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;

pub use maintenance::{Maintained, Maintenance};
pub use settings::{Engine, IndexSettings};
pub use snapshot::{IndexSnapshot, SnapshotError};

use self::{
    rows::{Line, Rows, pad},
    segment::Segment,
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use tessera_domain::{PostId, post::PostRef};

/// Posts of one group that a search gives, newest first: a picture that was posted a thousand times is one result
/// among others.
pub const POSTS_PER_GROUP: usize = 4;
/// Vectors whose cosine is at least this are of nearly the same picture: an angle of 3.6 degrees. Copies of a picture
/// as JPEG of quality 90 lie within 2.8 degrees of it by the shipped model, and other pictures beyond 40.
const SAME_PICTURE: f32 = 0.998;
/// How far the length of a vector may be from 1.
const UNIT_TOLERANCE: f32 = 1e-2;

/// Why a vector is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InsertError {
    /// Its length is not the index's.
    #[error("the vector has {found} dimensions; the index has {expected}")]
    Dimensions { expected: usize, found: usize },
    /// It is no unit vector.
    #[error("the vector is no unit vector: its norm is {norm}")]
    NotUnit { norm: f32 },
}

/// A post that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The post and its author.
    pub post: PostRef,
    /// The cosine of the angle between its vector (or its group's) and the query.
    pub similarity: f32,
    pub perceptual_hash: u64,
}

/// What an index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStats {
    /// Posts that can be found.
    pub live: usize,
    /// Vectors that can be found.
    pub groups: usize,
    /// Vectors without posts that are not yet cleared away.
    pub dead: usize,
    /// Vectors that are scanned one by one.
    pub buffered: usize,
    pub segments: usize,
}

/// A post of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    post: PostRef,
    perceptual_hash: u64,
}

/// Where a group's vector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    Buffer {
        row: u32,
    },
    /// In the segment of this number.
    Segment {
        number: u64,
        row: u32,
    },
}

/// The posts whose pictures have one vector. Without posts it is dead, for ever.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Group {
    members: Vec<Member>,
    place: Place,
}

/// Vectors that are in no graph yet, and their groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Buffer {
    rows: Rows,
    groups: Vec<u32>,
}

impl Buffer {
    fn new(dimensions: usize) -> Self {
        Self { rows: Rows::new(dimensions), groups: Vec::new() }
    }

    /// Appends a vector; gives its row.
    fn push(&mut self, group: u32, vector: &[Line]) -> u32 {
        self.rows.push(vector);
        self.groups.push(group);
        (self.groups.len() - 1) as u32
    }

    /// A copy of the first of them.
    fn first(&self, most: usize) -> Self {
        let mut first = self.clone();
        first.rows.truncate(most);
        first.groups.truncate(most);
        first
    }
}

/// A segment and which of its vectors are dead.
struct Sealed {
    number: u64,
    segment: Arc<Segment>,
    dead: Vec<bool>,
    dead_rows: usize,
}

impl Sealed {
    /// How many of its vectors are alive.
    fn living(&self) -> usize {
        self.segment.len() - self.dead_rows
    }
}

/// An index of posts by vectors of one length.
pub struct VectorIndex {
    dimensions: usize,
    settings: IndexSettings,
    /// By number; free numbers hold nothing.
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    by_post: HashMap<PostId, u32>,
    buffer: Buffer,
    segments: Vec<Sealed>,
    next_segment: u64,
    /// Maintenance is under way: what it works on stays.
    maintaining: bool,
    /// Nothing but itself: maintenance carries a copy, which tells this index from another in its place.
    identity: Arc<()>,
}

impl VectorIndex {
    pub fn new(dimensions: usize, settings: IndexSettings) -> Self {
        Self {
            dimensions,
            settings,
            groups: Vec::new(),
            free: Vec::new(),
            by_post: HashMap::new(),
            buffer: Buffer::new(dimensions),
            segments: Vec::new(),
            next_segment: 0,
            maintaining: false,
            identity: Arc::new(()),
        }
    }

    /// Adds a post, or moves it to its new vector. It is found from now on.
    ///
    /// # Errors
    /// [`InsertError`]; nothing changed.
    pub fn insert(&mut self, post: PostRef, vector: &[f32], perceptual_hash: u64) -> Result<(), InsertError> {
        if vector.len() != self.dimensions {
            return Err(InsertError::Dimensions { expected: self.dimensions, found: vector.len() });
        }
        let vector = &pad(vector)[..];
        let norm = distance::dot(vector, vector).sqrt();
        // What is no number is not within anything.
        if !norm.is_finite() || (norm - 1.0).abs() > UNIT_TOLERANCE {
            return Err(InsertError::NotUnit { norm });
        }
        let member = Member { post, perceptual_hash };
        if self.replace_member(member, vector) {
            return Ok(());
        }
        self.remove(post.post_id);
        let same = self.nearest_group(vector).filter(|near| near.similarity() >= SAME_PICTURE);
        let number = match same {
            Some(near) => near.number(),
            None => self.new_group(vector),
        };
        if let Some(group) = &mut self.groups[number as usize] {
            let at = group.members.partition_point(|other| other.post.post_id > post.post_id);
            group.members.insert(at, member);
        }
        self.by_post.insert(post.post_id, number);
        Ok(())
    }

    /// Takes a post out; false where it is not in the index. It is not found any more.
    pub fn remove(&mut self, post_id: PostId) -> bool {
        let Some(number) = self.by_post.remove(&post_id) else { return false };
        let Some(group) = &mut self.groups[number as usize] else { return false };
        group.members.retain(|member| member.post.post_id != post_id);
        if group.members.is_empty() {
            let place = group.place;
            self.group_died(number, place);
        }
        true
    }

    /// Whether a post is in it.
    pub fn contains(&self, post_id: PostId) -> bool {
        self.by_post.contains_key(&post_id)
    }

    /// All posts, in no order.
    pub fn posts(&self) -> impl Iterator<Item = PostRef> + '_ {
        self.groups.iter().flatten().flat_map(|group| group.members.iter().map(|member| member.post))
    }

    pub fn stats(&self) -> IndexStats {
        let dead = self.groups.iter().flatten().filter(|group| group.members.is_empty()).count();
        IndexStats {
            live: self.by_post.len(),
            groups: self.groups.iter().flatten().count() - dead,
            dead,
            buffered: self.buffer.groups.len(),
            segments: self.segments.len(),
        }
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        let posts = self.by_post.capacity() * 2 * size_of::<(PostId, u32)>() + self.by_post.len() * size_of::<Member>();
        let groups = self.groups.capacity() * size_of::<Option<Group>>();
        let graphs: usize =
            self.segments.iter().map(|sealed| sealed.segment.heap_bytes() + sealed.dead.capacity()).sum();
        posts + groups + self.buffer.rows.heap_bytes() + graphs
    }

    /// Puts a post in its own place again, where its vector is (nearly) the one it had: events may come twice.
    fn replace_member(&mut self, member: Member, vector: &[Line]) -> bool {
        let post_id = member.post.post_id;
        let Some(number) = self.by_post.get(&post_id).copied() else { return false };
        let place = self.groups[number as usize].as_ref().map(|group| group.place);
        let Some(known) = place.and_then(|place| self.vector(place)) else { return false };
        let is_same = distance::dot(known, vector) >= SAME_PICTURE;
        let members = self.groups[number as usize].iter_mut().flat_map(|group| &mut group.members);
        match members.into_iter().find(|other| other.post.post_id == post_id) {
            Some(place) if is_same => {
                *place = member;
                true
            }
            _ => false,
        }
    }

    /// The vector at a place; `None` where there is none.
    fn vector(&self, place: Place) -> Option<&[Line]> {
        match place {
            Place::Buffer { row } => Some(self.buffer.rows.row(row)),
            Place::Segment { number, row } => {
                let sealed = self.segments.iter().find(|sealed| sealed.number == number)?;
                Some(sealed.segment.row(row).1)
            }
        }
    }

    fn new_group(&mut self, vector: &[Line]) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(None);
            (self.groups.len() - 1) as u32
        });
        let place = Place::Buffer { row: self.buffer.push(number, vector) };
        self.groups[number as usize] = Some(Group { members: Vec::new(), place });
        number
    }

    fn group_died(&mut self, number: u32, place: Place) {
        match place {
            Place::Segment { number, row } => {
                if let Some(sealed) = self.segments.iter_mut().find(|sealed| sealed.number == number) {
                    sealed.dead[row as usize] = true;
                    sealed.dead_rows += 1;
                }
            }
            // One that is being put into a graph turns up there; it is cleared away after the swap.
            Place::Buffer { .. } if self.maintaining => {}
            Place::Buffer { row } => {
                self.buffer.rows.swap_remove(row);
                self.buffer.groups.swap_remove(row as usize);
                let moved = self.buffer.groups.get(row as usize).copied();
                if let Some(moved) = moved.and_then(|moved| self.groups[moved as usize].as_mut()) {
                    moved.place = Place::Buffer { row };
                }
                self.let_go(number);
            }
        }
    }

    fn let_go(&mut self, number: u32) {
        self.groups[number as usize] = None;
        self.free.push(number);
    }

    fn is_dead(&self, number: u32) -> bool {
        self.groups[number as usize].as_ref().is_none_or(|group| group.members.is_empty())
    }
}
