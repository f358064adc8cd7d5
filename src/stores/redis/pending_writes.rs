//! Writes of counter rows that did not reach their mirrors, kept until Redis is back: what a cut-off node counted
//! meanwhile would otherwise be missing from mirrors that live on.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    mem,
    time::{Duration, Instant},
};
use tessera_domain::{PostId, counters::ShardCounts};

/// Posts with pending writes, at most. Past them mirrors lag until they end, which is soon.
const MAX_POSTS: usize = 50_000;

/// Per post the newest row of each shard.
pub(super) struct PendingWrites {
    posts: Mutex<HashMap<PostId, (Instant, Vec<ShardCounts>)>>,
    /// Mirrors older than this are gone, and so is what is pending for them.
    life: Duration,
}

impl PendingWrites {
    pub(super) fn new(life: Duration) -> Self {
        Self { posts: Mutex::default(), life }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.posts.lock().is_empty()
    }

    /// Remembers rows that may not have arrived.
    pub(super) fn add(&self, post_id: PostId, rows: &[ShardCounts]) {
        let mut posts = self.posts.lock();
        if posts.len() >= MAX_POSTS && !posts.contains_key(&post_id) {
            posts.retain(|_, (since, _)| since.elapsed() < self.life);
            if posts.len() >= MAX_POSTS {
                tracing::debug!(%post_id, "too many mirrors lag; this one lags until it ends");
                return;
            }
        }
        let (since, pending) = posts.entry(post_id).or_insert_with(|| (Instant::now(), Vec::new()));
        *since = Instant::now();
        for row in rows {
            match pending.iter_mut().find(|known| known.shard == row.shard) {
                Some(known) if known.version >= row.version => {}
                Some(known) => *known = *row,
                None => pending.push(*row),
            }
        }
    }

    /// Takes out everything that still matters; what then fails is to be added again.
    pub(super) fn take(&self) -> Vec<(PostId, Vec<ShardCounts>)> {
        let posts = mem::take(&mut *self.posts.lock());
        let current = posts.into_iter().filter(|(_, (since, _))| since.elapsed() < self.life);
        current.map(|(post_id, (_, rows))| (post_id, rows)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(shard: u16, version: u64) -> ShardCounts {
        ShardCounts { shard, version, likes: version as i64, comments: 0 }
    }

    #[test]
    fn the_newest_row_of_each_shard_is_pending() {
        let pending = PendingWrites::new(Duration::from_secs(60));
        pending.add(PostId(1), &[row(0, 5), row(1, 1)]);
        pending.add(PostId(1), &[row(0, 4), row(1, 2), row(2, 1)]);
        assert_eq!(pending.take(), [(PostId(1), vec![row(0, 5), row(1, 2), row(2, 1)])]);
        assert!(pending.is_empty());
    }

    #[test]
    fn what_is_pending_is_bounded_in_number_and_time() {
        let pending = PendingWrites::new(Duration::from_secs(60));
        for id in 0..MAX_POSTS as u64 + 10 {
            pending.add(PostId(id), &[row(0, 1)]);
        }
        assert_eq!(pending.take().len(), MAX_POSTS);
        let pending = PendingWrites::new(Duration::ZERO);
        pending.add(PostId(1), &[row(0, 1)]);
        assert!(pending.take().is_empty(), "its mirror is gone by now");
    }
}
