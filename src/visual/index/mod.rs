//! An index of vectors that is searchable at once, never waits for its own upkeep, and forgets what is deleted.
//!
//! ```text
//! insert ─► nearly the same as one there? ─► that vector's group gets another post
//!           └ no ─► buffer: scanned one by one, exactly
//! maintenance (on a thread of its own): a full buffer becomes a segment (an HNSW graph); segments of a size are merged;
//! segments with many dead vectors are written anew. Searches go on with what there was, until the swap.
//! ```
//!
//! - **Groups**: pictures that are equal or nearly so share one vector with a list of posts. Equal vectors break the
//!   graph: all links of each lead to the others.
//! - **Filters** are applied inside the search. Where a graph's answer keeps too few, its segment is scanned: so a
//!   search gives as many posts as were asked for, if there are so many.
//! - **Deletions** take effect at once; a dead vector leaves a segment when that is merged or written anew, at the
//!   latest when a fifth of the segment is dead.
//! - **Snapshots** carry the graphs, under a checksum.
//!
//! HNSW: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
//! World graphs", 2016; the graphs are `instant-distance`'s. Segments, buffer and tombstones as in Lucene and Qdrant.

mod distance;
mod maintenance;
mod search;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;

pub use maintenance::{Maintained, Maintenance};
pub use snapshot::{IndexSnapshot, SnapshotError};

use self::segment::{Segment, Vector};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use tessera_domain::{PostId, post::PostRef};

/// Posts of one group that a search gives, newest first: a picture that was posted a thousand times is one result
/// among others.
pub const POSTS_PER_GROUP: usize = 4;
/// Vectors whose cosine is at least this are of nearly the same picture: an angle of 1.8 degrees.
const SAME_PICTURE: f32 = 0.9995;
/// How far the length of a vector may be from 1.
const UNIT_TOLERANCE: f32 = 1e-2;

/// How an index works.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSettings {
    /// A buffer of so many vectors becomes a segment.
    pub seal_at: usize,
    /// So many segments of a size are merged into one.
    pub fan_in: usize,
    /// The largest segment, in vectors.
    pub largest_segment: usize,
    /// A segment with a greater share of dead vectors is written anew.
    pub dead_share: f32,
    /// Candidates that a build looks at for each vector.
    pub ef_construction: usize,
    /// Candidates that a search of a graph keeps; searches for more are answered by scanning.
    pub ef_search: usize,
    /// Threads of a build.
    pub build_threads: usize,
    /// Decides the layers of a graph.
    pub seed: u64,
}

impl Default for IndexSettings {
    /// Measured on 128 dimensions: a scan of 8,000 vectors costs what a search of some graphs does.
    fn default() -> Self {
        Self {
            seal_at: 8_000,
            fan_in: 4,
            largest_segment: 128_000,
            dead_share: 0.2,
            ef_construction: 100,
            ef_search: 128,
            build_threads: std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
            seed: 0x7E55_E8A0,
        }
    }
}

/// Why a vector is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InsertError {
    /// Its length is not the index's.
    #[error("the vector has {found} dimensions; the index has {expected}")]
    Dimensions {
        /// The index's.
        expected: usize,
        /// The vector's.
        found: usize,
    },
    /// It is no unit vector.
    #[error("the vector is no unit vector: its norm is {norm}")]
    NotUnit {
        /// Its norm.
        norm: f32,
    },
}

/// A post that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The post and its author.
    pub post: PostRef,
    /// The cosine of the angle between its vector (or its group's) and the query.
    pub similarity: f32,
    /// Its perceptual hash.
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
    /// Graphs.
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
    Buffer,
    /// In the segment of this number.
    Segment(u64),
}

/// A vector and the posts whose pictures have it. Without posts it is dead, for ever.
#[derive(Debug, Clone)]
struct Group {
    vector: Arc<[f32]>,
    members: Vec<Member>,
    place: Place,
}

/// A segment and how many of its vectors are dead.
#[derive(Clone)]
struct Sealed {
    number: u64,
    segment: Arc<Segment>,
    dead: usize,
}

/// An index of posts by vectors of one length.
pub struct VectorIndex {
    dimensions: usize,
    settings: IndexSettings,
    /// By number; free numbers hold nothing.
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    by_post: HashMap<PostId, u32>,
    buffer: Vec<u32>,
    segments: Vec<Sealed>,
    next_segment: u64,
    /// Maintenance is under way: what it works on stays.
    maintaining: bool,
}

impl VectorIndex {
    /// An empty index.
    pub fn new(dimensions: usize, settings: IndexSettings) -> Self {
        Self {
            dimensions,
            settings,
            groups: Vec::new(),
            free: Vec::new(),
            by_post: HashMap::new(),
            buffer: Vec::new(),
            segments: Vec::new(),
            next_segment: 0,
            maintaining: false,
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
        let same = self.nearest_group(vector).filter(|(_, similarity)| *similarity >= SAME_PICTURE);
        let number = match same {
            Some((number, _)) => number,
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

    /// What it holds.
    pub fn stats(&self) -> IndexStats {
        let dead = self.groups.iter().flatten().filter(|group| group.members.is_empty()).count();
        IndexStats {
            live: self.by_post.len(),
            groups: self.groups.iter().flatten().count() - dead,
            dead,
            buffered: self.buffer.len(),
            segments: self.segments.len(),
        }
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        /// Links of a vector in a graph: 64 at the bottom, 32 for the few above.
        const LINKS: usize = 66 * size_of::<u32>();
        let vectors = self.groups.len() * (size_of::<Group>() + self.dimensions * size_of::<f32>() + 16);
        let posts = self.by_post.capacity() * 2 * size_of::<(PostId, u32)>() + self.by_post.len() * size_of::<Member>();
        let graphs: usize = self.segments.iter().map(|sealed| sealed.segment.len() * (LINKS + 20)).sum();
        vectors + posts + graphs
    }

    /// Puts a post in its own place again, where its vector is (nearly) the one it had: events may come twice.
    fn replace_member(&mut self, member: Member, vector: &[f32]) -> bool {
        let post_id = member.post.post_id;
        let number = self.by_post.get(&post_id).copied();
        let Some(group) = number.and_then(|number| self.groups[number as usize].as_mut()) else { return false };
        let place = group.members.iter_mut().find(|other| other.post.post_id == post_id);
        match place {
            Some(place) if distance::dot(&group.vector, vector) >= SAME_PICTURE => {
                *place = member;
                true
            }
            _ => false,
        }
    }

    fn new_group(&mut self, vector: &[f32]) -> u32 {
        let group = Some(Group { vector: vector.into(), members: Vec::new(), place: Place::Buffer });
        let number = match self.free.pop() {
            Some(number) => {
                self.groups[number as usize] = group;
                number
            }
            None => {
                self.groups.push(group);
                (self.groups.len() - 1) as u32
            }
        };
        self.buffer.push(number);
        number
    }

    fn group_died(&mut self, number: u32, place: Place) {
        match place {
            Place::Segment(segment) => {
                if let Some(sealed) = self.segments.iter_mut().find(|sealed| sealed.number == segment) {
                    sealed.dead += 1;
                }
            }
            // One that is being sealed may turn up in the new segment; it is cleared away after the swap.
            Place::Buffer if self.maintaining => {}
            Place::Buffer => {
                self.buffer.retain(|other| *other != number);
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
