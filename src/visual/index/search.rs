//! Searching: the buffer is scanned, graphs are walked, and what a filter leaves short is scanned too.

use super::{
    Hit, Member, POSTS_PER_GROUP, Sealed, VectorIndex,
    distance::dot,
    near::{Near, Nearest},
    rows::{Line, pad},
};
use tessera_domain::{hash::SeededRandom, post::PostRef};

const SAMPLED: usize = 10;

impl VectorIndex {
    /// The posts nearest to `query` that `filter` lets through, nearest first: at most `limit`, and as many if there
    /// are so many, but for what a group holds beyond [`POSTS_PER_GROUP`]. A query of another length finds nothing.
    ///
    /// Nothing that `filter` refuses is in the answer. As long as `filter` lets through at least half of what is
    /// nearest in each graph, the answer is as good as one without a filter; otherwise that graph is scanned and its
    /// part of the answer exact.
    pub fn search(&self, query: &[f32], limit: usize, filter: impl Fn(PostRef) -> bool) -> Vec<Hit> {
        self.find(query, limit, &filter, |sealed, query| self.walk(sealed, query, limit, &filter))
    }

    /// The same, by looking at every vector: the truth that the share of what [`VectorIndex::search`] finds is measured
    /// by.
    pub fn search_exactly(&self, query: &[f32], limit: usize, filter: impl Fn(PostRef) -> bool) -> Vec<Hit> {
        self.find(query, limit, &filter, |_, _| None)
    }

    /// The share of the ten nearest that a search finds, for the vector of a post chosen by `seed`; `None` without
    /// segments.
    pub fn sample_recall(&self, seed: u64) -> Option<f32> {
        if self.segments.is_empty() {
            return None;
        }
        let mut random = SeededRandom::new(seed);
        let live = |number: u32| self.groups[number as usize].as_ref().filter(|group| !group.members.is_empty());
        let group = (0..64).find_map(|_| live((random.next_u64() % self.groups.len() as u64) as u32))?;
        let lines = self.vector(group.place)?;
        let vector: Vec<f32> = lines.iter().flat_map(|Line(line)| *line).take(self.dimensions).collect();
        let exact = self.search_exactly(&vector, SAMPLED, |_| true);
        let found = self.search(&vector, SAMPLED, |_| true);
        let hit = exact.iter().filter(|exact| found.iter().any(|found| found.post == exact.post)).count();
        Some(hit as f32 / exact.len().max(1) as f32)
    }

    /// The nearest group that is alive, and how near it is.
    pub(super) fn nearest_group(&self, vector: &[Line]) -> Option<Near> {
        let mut nearest = Nearest::new(1);
        self.scan_buffer(vector, &|_| true, &mut nearest);
        let walked = self
            .segments
            .iter()
            .filter_map(|sealed| sealed.segment.nearest(vector, self.settings.ef_search, &sealed.dead).next());
        walked.for_each(|near| nearest.add(near));
        nearest.take_sorted().pop()
    }

    /// `walk` looks through a segment; where it finds too little, every vector of that is looked at.
    fn find(
        &self,
        query: &[f32],
        limit: usize,
        filter: &impl Fn(PostRef) -> bool,
        walk: impl Fn(&Sealed, &[Line]) -> Option<Vec<Near>>,
    ) -> Vec<Hit> {
        if query.len() != self.dimensions || limit == 0 {
            return Vec::new();
        }
        let query = pad(query);
        let mut nearest = Nearest::new(limit);
        self.scan_buffer(&query, filter, &mut nearest);
        for sealed in &self.segments {
            match walk(sealed, &query) {
                Some(found) => found.into_iter().for_each(|near| nearest.add(near)),
                None => self.scan(sealed, &query, filter, &mut nearest),
            }
        }
        let mut hits: Vec<Hit> = Vec::with_capacity(limit);
        for near in nearest.take_sorted() {
            let members = self.groups[near.number() as usize].iter().flat_map(|group| &group.members);
            let found = members.filter(|member| filter(member.post)).take(POSTS_PER_GROUP);
            hits.extend(found.map(|Member { post, perceptual_hash }| Hit {
                post: *post,
                similarity: near.similarity(),
                perceptual_hash: *perceptual_hash,
            }));
        }
        hits.truncate(limit);
        hits
    }

    /// The nearest of a segment that pass; `None` where most of what the walk found first does not.
    fn walk(
        &self,
        sealed: &Sealed,
        query: &[Line],
        limit: usize,
        filter: &impl Fn(PostRef) -> bool,
    ) -> Option<Vec<Near>> {
        let candidates = self.settings.ef_search.max(2 * limit);
        let found = sealed.segment.nearest(query, candidates, &sealed.dead).take(2 * limit);
        let passing: Vec<Near> = found.filter(|near| self.is_found(near.number(), filter)).take(limit).collect();
        (passing.len() == limit).then_some(passing)
    }

    fn scan(&self, sealed: &Sealed, query: &[Line], filter: &impl Fn(PostRef) -> bool, nearest: &mut Nearest) {
        for ((group, vector), dead) in sealed.segment.iter().zip(&sealed.dead) {
            let near = Near::new(dot(vector, query), group);
            // The filter last: most vectors are too far away to matter.
            if nearest.wants(near) && !dead && self.is_found(group, filter) {
                nearest.add(near);
            }
        }
    }

    fn scan_buffer(&self, query: &[Line], filter: &impl Fn(PostRef) -> bool, nearest: &mut Nearest) {
        for (vector, group) in self.buffer.rows.iter().zip(&self.buffer.groups) {
            let near = Near::new(dot(vector, query), *group);
            if nearest.wants(near) && self.is_found(*group, filter) {
                nearest.add(near);
            }
        }
    }

    fn is_found(&self, group: u32, filter: &impl Fn(PostRef) -> bool) -> bool {
        self.groups[group as usize].as_ref().is_some_and(|group| group.members.iter().any(|member| filter(member.post)))
    }
}
