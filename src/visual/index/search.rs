//! Searching: the buffer is scanned, graphs are walked, and what a filter leaves short is scanned too.

use super::{Group, Hit, Member, POSTS_PER_GROUP, Sealed, Vector, VectorIndex, distance::dot};
use std::{cmp::Ordering, collections::BinaryHeap};
use tessera_domain::{hash::SeededRandom, post::PostRef};

/// What [`VectorIndex::sample_recall`] compares.
const SAMPLED: usize = 10;

/// A group and how near it is; the furthest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Near {
    group: u32,
    similarity: f32,
}

impl Eq for Near {}

impl PartialOrd for Near {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Near {
    fn cmp(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then_with(|| self.group.cmp(&other.group))
    }
}

/// The nearest groups so far, at most so many.
struct Nearest {
    heap: BinaryHeap<Near>,
    limit: usize,
}

impl Nearest {
    fn new(limit: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(limit + 1), limit }
    }

    /// Whether something so near would be kept.
    fn is_wanted(&self, similarity: f32) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|furthest| similarity > furthest.similarity)
    }

    fn add(&mut self, near: Near) {
        self.heap.push(near);
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    fn into_sorted(self) -> Vec<Near> {
        self.heap.into_sorted_vec()
    }
}

impl VectorIndex {
    /// The posts nearest to `query` that `filter` lets through, nearest first: at most `limit`, and as many if there are so
    /// many, but for what a group holds beyond [`POSTS_PER_GROUP`]. A query of another length finds nothing.
    pub fn search(&self, query: &[f32], limit: usize, filter: impl Fn(PostRef) -> bool) -> Vec<Hit> {
        self.find(query, limit, &filter, |sealed, query, nearest| {
            let mut kept = 0;
            sealed.segment.nearest(query, |group, similarity| {
                if self.is_found(group, &filter) {
                    kept += 1;
                    if nearest.is_wanted(similarity) {
                        nearest.add(Near { group, similarity });
                    }
                }
            });
            kept >= limit.min(sealed.segment.len() - sealed.dead)
        })
    }

    /// The same, by looking at every vector: the truth that the share of what [`VectorIndex::search`] finds is measured by.
    pub fn search_exactly(&self, query: &[f32], limit: usize, filter: impl Fn(PostRef) -> bool) -> Vec<Hit> {
        self.find(query, limit, &filter, |_, _, _| false)
    }

    /// The share of the ten nearest that a search finds, for the vector of a post chosen by `seed`; `None` without segments.
    pub fn sample_recall(&self, seed: u64) -> Option<f32> {
        if self.segments.is_empty() {
            return None;
        }
        let mut random = SeededRandom::new(seed);
        let live = |number: usize| self.groups[number].as_ref().filter(|group| !group.members.is_empty());
        let group = (0..64).find_map(|_| live((random.next_u64() % self.groups.len() as u64) as usize))?;
        let exact = self.search_exactly(&group.vector, SAMPLED, |_| true);
        let found = self.search(&group.vector, SAMPLED, |_| true);
        let hit = exact.iter().filter(|exact| found.iter().any(|found| found.post == exact.post)).count();
        Some(hit as f32 / exact.len().max(1) as f32)
    }

    /// The live group nearest to a vector.
    pub(super) fn nearest_group(&self, vector: &[f32]) -> Option<(u32, f32)> {
        let mut nearest = Nearest::new(1);
        self.scan(&self.buffer, vector, &|_| true, &mut nearest);
        if !self.segments.is_empty() {
            let query = Vector(vector.into());
            for sealed in &self.segments {
                sealed.segment.nearest(&query, |group, similarity| {
                    if nearest.is_wanted(similarity) && !self.is_dead(group) {
                        nearest.add(Near { group, similarity });
                    }
                });
            }
        }
        nearest.into_sorted().first().map(|near| (near.group, near.similarity))
    }

    /// `walk` looks through a segment and says whether that was enough; else every vector of it is looked at.
    fn find(
        &self,
        query: &[f32],
        limit: usize,
        filter: &impl Fn(PostRef) -> bool,
        walk: impl Fn(&Sealed, &Vector, &mut Nearest) -> bool,
    ) -> Vec<Hit> {
        if query.len() != self.dimensions || limit == 0 {
            return Vec::new();
        }
        let mut nearest = Nearest::new(limit);
        self.scan(&self.buffer, query, filter, &mut nearest);
        let vector = Vector(query.into());
        for sealed in &self.segments {
            let mut walked = Nearest::new(limit);
            if walk(sealed, &vector, &mut walked) {
                walked.heap.into_iter().for_each(|near| nearest.add(near));
            } else {
                let groups: Vec<u32> = sealed.segment.groups().map(|(group, _)| group).collect();
                self.scan(&groups, query, filter, &mut nearest);
            }
        }
        let mut hits: Vec<Hit> = Vec::with_capacity(limit);
        for Near { group, similarity } in nearest.into_sorted() {
            let members = self.groups[group as usize].iter().flat_map(|group| &group.members);
            let found = members.filter(|member| filter(member.post)).take(POSTS_PER_GROUP);
            hits.extend(found.map(|Member { post, perceptual_hash }| Hit {
                post: *post,
                similarity,
                perceptual_hash: *perceptual_hash,
            }));
        }
        hits.truncate(limit);
        hits
    }

    fn scan(&self, groups: &[u32], query: &[f32], filter: &impl Fn(PostRef) -> bool, nearest: &mut Nearest) {
        for number in groups {
            let Some(Group { vector, .. }) = &self.groups[*number as usize] else { continue };
            let similarity = dot(vector, query);
            // The filter last: most vectors are too far away to matter.
            if nearest.is_wanted(similarity) && self.is_found(*number, filter) {
                nearest.add(Near { group: *number, similarity });
            }
        }
    }

    fn is_found(&self, group: u32, filter: &impl Fn(PostRef) -> bool) -> bool {
        self.groups[group as usize].as_ref().is_some_and(|group| group.members.iter().any(|member| filter(member.post)))
    }
}
