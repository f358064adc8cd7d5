//! A bounded window of scores that halve with age: what is popular now, in constant memory.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, 2009): every addition is scaled by
//! `2^(t / half_life)` relative to a landmark, so that scores never need to be aged one by one; the
//! landmark moves now and then to keep the numbers small. When the window is full the weakest tenth goes.

use crate::time::Timestamp;
use std::{collections::HashMap, hash::Hash};

/// Scores by key, decayed exponentially.
#[derive(Debug, Clone)]
pub struct DecayedWindow<K> {
    half_life_ms: f64,
    capacity: usize,
    landmark: Timestamp,
    scores: HashMap<K, f64>,
}

impl<K: Eq + Hash + Copy + Ord> DecayedWindow<K> {
    /// A window that keeps at most `capacity` keys and halves scores every `half_life_ms`.
    pub fn new(half_life_ms: i64, capacity: usize) -> Self {
        Self {
            half_life_ms: half_life_ms.max(1) as f64,
            capacity: capacity.max(16),
            landmark: Timestamp(0),
            scores: HashMap::new(),
        }
    }

    /// Adds `weight` to `key`, as something that happened at `at`.
    pub fn add(&mut self, key: K, weight: f64, at: Timestamp) {
        if self.scores.is_empty() {
            self.landmark = at;
        }
        if self.growth(at) > 1e9 {
            self.move_landmark(at);
        }
        *self.scores.entry(key).or_insert(0.0) += weight * self.growth(at);
        if self.scores.len() > self.capacity {
            self.evict();
        }
    }

    pub fn remove(&mut self, key: &K) {
        self.scores.remove(key);
    }

    /// The `limit` strongest keys with their scores as of `now`, strongest first.
    pub fn top(&self, limit: usize, now: Timestamp) -> Vec<(K, f64)> {
        let scale = self.growth(now);
        let mut all: Vec<(K, f64)> =
            self.scores.iter().filter(|(_, score)| **score > 0.0).map(|(key, score)| (*key, score / scale)).collect();
        let by_strength = |a: &(K, f64), b: &(K, f64)| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0));
        if all.len() > limit && limit > 0 {
            all.select_nth_unstable_by(limit - 1, by_strength);
        }
        all.truncate(limit);
        all.sort_unstable_by(by_strength);
        all
    }

    /// The score of `key` as of `now`; 0 where it is not kept.
    pub fn score(&self, key: &K, now: Timestamp) -> f64 {
        self.scores.get(key).map_or(0.0, |score| score / self.growth(now))
    }

    /// Whether `key` is kept.
    pub fn contains(&self, key: &K) -> bool {
        self.scores.contains_key(key)
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    fn growth(&self, at: Timestamp) -> f64 {
        (at.since_ms(self.landmark) as f64 / self.half_life_ms).exp2()
    }

    fn move_landmark(&mut self, to: Timestamp) {
        let scale = self.growth(to);
        self.landmark = to;
        self.scores.retain(|_, score| {
            *score /= scale;
            score.abs() > 1e-12
        });
    }

    fn evict(&mut self) {
        let mut scores: Vec<f64> = self.scores.values().copied().collect();
        let cut = scores.len() / 10;
        let (_, threshold, _) = scores.select_nth_unstable_by(cut, f64::total_cmp);
        let threshold = *threshold;
        // Counted, because many keys may share the threshold's score.
        let mut to_drop = cut + 1;
        self.scores.retain(|_, score| {
            let weak = to_drop > 0 && *score <= threshold;
            to_drop -= usize::from(weak);
            !weak
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_halve_and_newer_events_win() {
        let mut window = DecayedWindow::new(1_000, 100);
        window.add(1, 4.0, Timestamp(0));
        window.add(2, 3.0, Timestamp(1_000));
        let top = window.top(10, Timestamp(1_000));
        assert_eq!(top.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2, 1]);
        assert!((top[1].1 - 2.0).abs() < 1e-9);
    }

    #[test]
    fn equal_scores_do_not_empty_a_full_window() {
        let mut window = DecayedWindow::new(1_000, 100);
        (0..101).for_each(|key| window.add(key, 1.0, Timestamp(0)));
        assert_eq!(window.len(), 90);
    }

    #[test]
    fn memory_is_bounded_and_long_times_do_not_overflow() {
        let mut window = DecayedWindow::new(1_000, 100);
        for step in 0..100_000i64 {
            window.add(step, 1.0, Timestamp(step * 100));
        }
        assert!(window.len() <= 100);
        let top = window.top(3, Timestamp(10_000_000));
        assert_eq!(top.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [99_999, 99_998, 99_997]);
        assert!(top.iter().all(|(_, score)| score.is_finite() && *score <= 1.1));
    }
}
