//! What a user has seen, in bounded memory: two generations of a Bloom filter.
//!
//! Each generation takes 10,000 posts at a false-positive rate of 1 in 2,000. When the current one is
//! full it becomes the previous one and the older is dropped, so at least the last 10,000 and at
//! most the last 20,000 seen posts are remembered, and both together err at most once in 1,000.
//! Source: Bloom, 1970; double hashing after Kirsch and Mitzenmacher, 2006.

use crate::{PostId, hash::stable_hash_u64};
use serde::{Deserialize, Serialize};

pub const GENERATION_CAPACITY: u32 = 10_000;
/// Bits per generation: `n * ln(1/p) / ln(2)^2` for 10,000 entries at 1 in 2,000, rounded up to words.
const BITS: u64 = 158_208;
const WORDS: usize = (BITS / 64) as usize;
const HASHES: u64 = 11;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Generation {
    /// Empty until the first post is seen: most of the idle users cost nothing.
    words: Vec<u64>,
    entries: u32,
}

impl Generation {
    fn contains(&self, post_id: PostId) -> bool {
        !self.words.is_empty() && positions(post_id).all(|bit| self.words[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
    }

    fn insert(&mut self, post_id: PostId) {
        if self.words.is_empty() {
            self.words = vec![0; WORDS];
        }
        for bit in positions(post_id) {
            self.words[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        self.entries += 1;
    }

    fn is_sound(&self) -> bool {
        self.words.is_empty() || self.words.len() == WORDS
    }
}

fn positions(post_id: PostId) -> impl Iterator<Item = u64> {
    let first = stable_hash_u64(post_id.0, 1);
    let step = stable_hash_u64(post_id.0, 2) | 1;
    (0..HASHES).map(move |i| first.wrapping_add(i.wrapping_mul(step)) % BITS)
}

/// The seen filter of one user. At most 40 kB; nothing while nothing was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFilter {
    current: Generation,
    previous: Generation,
}

impl SeenFilter {
    /// Whether the post was (almost certainly) seen. Never wrong about posts that were.
    pub fn contains(&self, post_id: PostId) -> bool {
        self.current.contains(post_id) || self.previous.contains(post_id)
    }

    /// Remembers a post. Returns whether it was new.
    pub fn insert(&mut self, post_id: PostId) -> bool {
        if self.contains(post_id) {
            return false;
        }
        if self.current.entries >= GENERATION_CAPACITY {
            self.previous = std::mem::take(&mut self.current);
        }
        self.current.insert(post_id);
        true
    }

    /// Bytes held on the heap.
    pub fn heap_bytes(&self) -> usize {
        (self.current.words.len() + self.previous.words.len()) * 8
    }

    /// Whether a decoded filter has the shape that this version makes; others are dropped, not trusted.
    pub fn is_sound(&self) -> bool {
        self.current.is_sound() && self.previous.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_ten_thousand_and_errs_at_most_once_in_a_thousand() {
        let mut filter = SeenFilter::default();
        // 19,999 insertions is the fullest both generations ever get.
        for id in 0..19_999u64 {
            filter.insert(PostId(id << 22));
        }
        assert!((10_000..19_999u64).all(|id| filter.contains(PostId(id << 22))));
        let probes = 200_000u64;
        let wrong = (0..probes).filter(|id| filter.contains(PostId((1_000_000 + id) << 22))).count();
        assert!((wrong as u64) * 1_000 <= probes, "{wrong} false positives in {probes}");
        assert!(filter.heap_bytes() < 40_000);
    }

    #[test]
    fn forgets_the_oldest_generation() {
        let mut filter = SeenFilter::default();
        for id in 0..30_001u64 {
            filter.insert(PostId(id));
        }
        let remembered = (0..10_000u64).filter(|id| filter.contains(PostId(*id))).count();
        assert!(remembered < 100, "{remembered} of the oldest generation left");
    }
}
