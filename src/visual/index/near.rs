//! What was found, ordered by how near it is.

use std::collections::BinaryHeap;

/// A node or group and how near it is, in one number: comparing two is comparing numbers. The nearer is the less; of
/// two equally near the one with the smaller number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near(u64);

impl Near {
    const SIGN: u32 = 1 << 31;

    pub fn new(similarity: f32, number: u32) -> Self {
        let bits = similarity.to_bits();
        // Rises with the similarity, as `f32::total_cmp` has it.
        let rising = if bits & Self::SIGN == 0 { bits | Self::SIGN } else { !bits };
        Self(u64::from(!rising) << 32 | u64::from(number))
    }

    pub fn similarity(self) -> f32 {
        let rising = !((self.0 >> 32) as u32);
        f32::from_bits(if rising & Self::SIGN == 0 { !rising } else { rising & !Self::SIGN })
    }

    pub fn number(self) -> u32 {
        self.0 as u32
    }

    /// The same nearness of something else.
    pub fn with_number(self, number: u32) -> Self {
        Self(self.0 >> 32 << 32 | u64::from(number))
    }
}

/// The nearest so far, at most so many.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    heap: BinaryHeap<Near>,
    limit: usize,
}

impl Nearest {
    pub fn new(limit: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(limit + 1), limit }
    }

    pub fn reset(&mut self, limit: usize) {
        self.heap.clear();
        self.limit = limit;
    }

    /// Whether this would be kept.
    pub fn wants(&self, near: Near) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|furthest| near < *furthest)
    }

    /// Whether there are enough and all of them are nearer than this.
    pub fn is_nearer(&self, near: Near) -> bool {
        self.heap.len() >= self.limit && self.heap.peek().is_some_and(|furthest| *furthest < near)
    }

    /// Keeps it, and lets go of the furthest where that is one too many.
    pub fn add(&mut self, near: Near) {
        self.heap.push(near);
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// Takes all of them out, nearest first.
    pub fn take_sorted(&mut self) -> Vec<Near> {
        let mut all: Vec<Near> = self.heap.drain().collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_is_the_less_and_nothing_is_lost() {
        let rising = [-1.5, -1.0, -0.25, -0.0, 0.0, 1e-30, 0.5, 0.999_999_9, 1.0, 1.000_001];
        for pair in rising.windows(2) {
            assert!(Near::new(pair[1], 9) < Near::new(pair[0], 1), "{pair:?}");
        }
        for similarity in rising {
            let near = Near::new(similarity, u32::MAX - 1);
            assert_eq!((near.similarity().to_bits(), near.number()), (similarity.to_bits(), u32::MAX - 1));
            assert_eq!(near.with_number(3), Near::new(similarity, 3));
        }
        assert!(Near::new(0.5, 1) < Near::new(0.5, 2));
    }

    #[test]
    fn only_the_nearest_are_kept() {
        let mut nearest = Nearest::new(3);
        for number in [5, 1, 4, 2, 3] {
            let near = Near::new(number as f32 / 10.0, number);
            if nearest.wants(near) {
                nearest.add(near);
            }
        }
        assert_eq!(nearest.take_sorted().iter().map(|near| near.number()).collect::<Vec<_>>(), [5, 4, 3]);
    }
}
