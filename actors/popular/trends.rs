//! Which hashtags trend: used now by more people than usual.
//!
//! Two decayed windows count the authors that use a hashtag: one forgets in hours, one in days. What the slow one says
//! is usual is compared with what the fast one sees, so that a hashtag that is always busy does not stay on top for
//! ever.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use tessera_domain::{
    Timestamp, UserId,
    decayed_window::DecayedWindow,
    hash::stable_hash,
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::ledger::HashtagHour;

/// What is used now halves after this long.
const NOW_HALF_LIFE_MS: i64 = 3 * HOUR_MS;
/// What is usual halves after this long.
const USUAL_HALF_LIFE_MS: i64 = 2 * DAY_MS;
/// How far back a load looks.
pub(super) const TREND_MEMORY_MS: i64 = 4 * DAY_MS;
/// By how much a burst raises a hashtag at most, and by how much its absence lowers it.
const MOST_BOOST: f64 = 4.0;
/// Hashtags that are kept; the weakest go first.
const CAPACITY: usize = 10_000;
/// Uses that are remembered in order to count each author once an hour.
const REMEMBERED_USES: usize = 50_000;
/// A ranking is made anew once it is this old.
const STALE_RANKING_MS: i64 = 1_000;

/// The hashtags that trend, as far as this node knows.
pub(super) struct Trends {
    now: DecayedWindow<u64>,
    usual: DecayedWindow<u64>,
    /// Names by the hash that stands for them in the windows.
    names: HashMap<u64, Arc<str>>,
    /// Who used what in the hour that began at `hour`.
    used: HashSet<(u64, UserId)>,
    hour: Timestamp,
    ranked: Vec<(Arc<str>, f64)>,
    ranked_at: Option<Timestamp>,
}

impl Trends {
    pub fn new() -> Self {
        Self {
            now: DecayedWindow::new(NOW_HALF_LIFE_MS, CAPACITY),
            usual: DecayedWindow::new(USUAL_HALF_LIFE_MS, CAPACITY),
            names: HashMap::new(),
            used: HashSet::new(),
            hour: Timestamp(0),
            ranked: Vec::new(),
            ranked_at: None,
        }
    }

    /// Everything as the ledger knows it.
    pub fn loaded(hours: Vec<HashtagHour>, now: Timestamp) -> Self {
        let mut trends = Self::new();
        for HashtagHour { tag, hour, authors } in hours {
            let at = hour.plus_ms(HOUR_MS / 2).min(now);
            trends.add(&tag, authors as f64, at);
        }
        trends
    }

    /// An author used hashtags. Within an hour of the clock each author counts once for each.
    pub fn used(&mut self, author_id: UserId, tags: &[String], at: Timestamp) {
        let hour = at.plus_ms(-at.0.rem_euclid(HOUR_MS));
        if hour != self.hour || self.used.len() >= REMEMBERED_USES {
            self.used.clear();
            self.hour = hour;
        }
        for tag in tags {
            if self.used.insert((key_of(tag), author_id)) {
                self.add(tag, 1.0, at);
            }
        }
    }

    /// The `limit` hashtags that trend most, with their scores.
    pub fn top(&mut self, limit: usize, now: Timestamp) -> Vec<(Arc<str>, f64)> {
        if self.ranked_at.is_none_or(|at| !(0..STALE_RANKING_MS).contains(&now.since_ms(at))) {
            self.rank(now);
        }
        self.ranked.iter().take(limit).cloned().collect()
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 32;
        const NAME_BYTES: usize = 64;
        (self.now.len() + self.usual.len() + self.used.len() + self.ranked.len()) * ENTRY_BYTES
            + self.names.len() * NAME_BYTES
    }

    fn add(&mut self, tag: &str, authors: f64, at: Timestamp) {
        let key = key_of(tag);
        self.names.entry(key).or_insert_with(|| tag.into());
        self.now.add(key, authors, at);
        self.usual.add(key, authors, at);
        if self.names.len() > 2 * CAPACITY {
            self.names.retain(|key, _| self.now.contains(key) || self.usual.contains(key));
        }
    }

    /// A steady rate of use fills both windows in the ratio of their half-lives: that is what is usual.
    fn rank(&mut self, now: Timestamp) {
        let usual_share = NOW_HALF_LIFE_MS as f64 / USUAL_HALF_LIFE_MS as f64;
        let trend = |(key, current): (u64, f64)| {
            let usual = self.usual.score(&key, now) * usual_share;
            let boost = (current / usual.max(f64::MIN_POSITIVE)).clamp(1.0 / MOST_BOOST, MOST_BOOST);
            Some((self.names.get(&key)?.clone(), current * boost))
        };
        let mut ranked: Vec<(Arc<str>, f64)> = self.now.top(CAPACITY, now).into_iter().filter_map(trend).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        self.ranked = ranked;
        self.ranked_at = Some(now);
    }
}

fn key_of(tag: &str) -> u64 {
    stable_hash(tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_domain::ids::ID_EPOCH_MS;

    const NOW: Timestamp = Timestamp(ID_EPOCH_MS + 100 * DAY_MS);

    fn names(trends: &mut Trends, now: Timestamp) -> Vec<String> {
        trends.top(10, now).into_iter().map(|(tag, _)| tag.to_string()).collect()
    }

    fn hour(tag: &str, ago: i64, authors: u64) -> HashtagHour {
        HashtagHour { tag: tag.to_owned(), hour: NOW.plus_ms(-ago * HOUR_MS), authors }
    }

    #[test]
    fn a_burst_beats_what_is_always_busy_and_fades() {
        let always = (1..96).map(|ago| hour("love", ago, 10));
        let mut trends = Trends::loaded(always.chain([hour("comet", 1, 20)]).collect(), NOW);
        assert_eq!(names(&mut trends, NOW), ["comet", "love"]);
        for ago in 0..24 {
            let at = NOW.plus_ms(ago * HOUR_MS);
            (0..10).for_each(|author| trends.used(UserId(author), &["love".to_owned()], at));
        }
        assert_eq!(names(&mut trends, NOW.plus_ms(DAY_MS)), ["love", "comet"], "a day later it is over");
    }

    #[test]
    fn one_author_counts_once_an_hour() {
        let (mut trends, tag) = (Trends::new(), |tag: &str| vec![tag.to_owned()]);
        (0..100).for_each(|_| trends.used(UserId(1), &tag("spam"), NOW));
        (0..3).for_each(|author| trends.used(UserId(author), &tag("fog"), NOW));
        assert_eq!(names(&mut trends, NOW), ["fog", "spam"]);
        assert_eq!(trends.top(1, NOW).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut trends = Trends::new();
        for number in 0..120_000_u64 {
            trends.used(UserId(number % 7), &[format!("tag{number}")], NOW.plus_ms(number as i64));
        }
        assert!(trends.names.len() <= 2 * CAPACITY && trends.used.len() <= REMEMBERED_USES);
    }
}
