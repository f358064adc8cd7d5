//! The in-process hot store of the embedded mode: one bounded cache for everything it keeps.
//!
//! All kinds of entries share one byte budget, so that whatever is used most gets the room: copies of
//! posts, counter mirrors, timeline snapshots and progress notes compete by recency and frequency.
//! Weights are estimates of heap bytes (fixed costs plus the lengths of what grows).

mod mirror;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use bytes::Bytes;
use mirror::Mirror;
use moka::{
    Expiry,
    future::Cache,
    ops::compute::{CompResult, Op},
};
use std::{
    future::ready,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::{
    PostId, UploadId, UserId,
    counters::{Counts, ShardCounts},
    post::Post,
};
use tessera_ports::{
    HotStore, StoreResult,
    hot_store::{POST_TTL, REMOVED_TTL, TIMELINE_TTL},
};

/// How long a progress note lives.
const PROGRESS_TTL: Duration = Duration::from_secs(3_600);
/// How long rows wait for the fill of their mirror: far longer than a fill takes to read the ledger.
const UNFILLED_TTL: Duration = Duration::from_secs(60);
/// What an entry costs besides its contents: key, cache bookkeeping, allocation.
const ENTRY_OVERHEAD_BYTES: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Post(PostId),
    Counts(PostId),
    Timeline(UserId),
    Progress(UploadId),
}

#[derive(Debug, Clone)]
enum Value {
    Post(Arc<Post>),
    /// A post was removed a moment ago: late copies of it are refused.
    Removed,
    Counts(Mirror),
    Timeline(Bytes),
    Progress(u8),
}

impl Value {
    fn time_to_live(&self) -> Duration {
        match self {
            Value::Post(_) => POST_TTL,
            Value::Removed => REMOVED_TTL,
            Value::Counts(mirror) if mirror.is_filled() => POST_TTL,
            Value::Counts(_) => UNFILLED_TTL,
            Value::Timeline(_) => TIMELINE_TTL,
            Value::Progress(_) => PROGRESS_TTL,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Value::Post(post) => {
                let hashtags: usize = post.hashtags.iter().map(|tag| size_of::<String>() + tag.len()).sum();
                let texts = post.caption.len() + post.alt_text.len() + post.media.blurhash.len();
                size_of::<Post>() + hashtags + texts
            }
            Value::Counts(mirror) => mirror.size_bytes(),
            Value::Removed => 0,
            Value::Timeline(snapshot) => snapshot.len(),
            Value::Progress(_) => 1,
        }
    }
}

/// Every write starts an entry's life anew; reads do not prolong it.
struct LifeOfValue;

impl Expiry<Key, Value> for LifeOfValue {
    fn expire_after_create(&self, _: &Key, value: &Value, _: Instant) -> Option<Duration> {
        Some(value.time_to_live())
    }

    fn expire_after_update(&self, _: &Key, value: &Value, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(value.time_to_live())
    }
}

/// A hot store in this process's memory, bounded in bytes. Cloning gives another handle on the same store.
#[derive(Clone)]
pub struct MemoryHotStore {
    entries: Cache<Key, Value>,
}

impl MemoryHotStore {
    /// An empty store that keeps at most about `capacity_bytes` of entries.
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh =
            |_: &Key, value: &Value| u32::try_from(value.size_bytes() + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let entries = Cache::builder()
            .name("hot store")
            .max_capacity(capacity_bytes)
            .weigher(weigh)
            .expire_after(LifeOfValue)
            .build();
        Self { entries }
    }

    /// How many bytes the entries weigh now, by the estimate that the capacity is measured in.
    pub async fn size_bytes(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.weighted_size()
    }

    /// Changes a mirror in one step: nothing else touches the same post's mirror meanwhile.
    async fn change_mirror(&self, post_id: PostId, change: impl FnOnce(&mut Mirror) -> bool + Send) {
        let entry = self.entries.entry(Key::Counts(post_id));
        entry
            .and_compute_with(|entry| {
                let mut mirror = match entry.map(|entry| entry.into_value()) {
                    Some(Value::Counts(mirror)) => mirror,
                    _ => Mirror::default(),
                };
                ready(if change(&mut mirror) { Op::Put(Value::Counts(mirror)) } else { Op::Nop })
            })
            .await;
    }

    /// Removes an entry; gives it, unless it was only waiting for a fill.
    async fn take(&self, key: Key) -> Option<Value> {
        let removed = self.entries.entry(key).and_compute_with(|_| ready(Op::Remove)).await;
        match removed {
            CompResult::Removed(entry) => Some(entry.into_value()).filter(|value| match value {
                Value::Counts(mirror) => mirror.is_filled(),
                _ => true,
            }),
            _ => None,
        }
    }
}

#[async_trait]
impl HotStore for MemoryHotStore {
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Post>>> {
        let mut posts = Vec::with_capacity(ids.len());
        for id in ids {
            posts.push(match self.entries.get(&Key::Post(*id)).await {
                Some(Value::Post(post)) => Some(Post::clone(&post)),
                _ => None,
            });
        }
        Ok(posts)
    }

    async fn put_posts(&self, posts: &[Post]) -> StoreResult<()> {
        for post in posts {
            let entry = self.entries.entry(Key::Post(post.id));
            entry
                .and_compute_with(|entry| {
                    ready(match entry.map(|entry| entry.into_value()) {
                        Some(Value::Removed) => Op::Nop,
                        Some(Value::Post(kept)) if kept.edited_at > post.edited_at => Op::Nop,
                        _ => Op::Put(Value::Post(Arc::new(post.clone()))),
                    })
                })
                .await;
        }
        Ok(())
    }

    async fn remove_posts(&self, ids: &[PostId]) -> StoreResult<u64> {
        let mut removed = 0;
        for id in ids {
            let post = self.entries.entry(Key::Post(*id));
            let mut was_kept = false;
            post.and_compute_with(|entry| {
                was_kept = matches!(entry.map(|entry| entry.into_value()), Some(Value::Post(_)));
                ready(Op::Put(Value::Removed))
            })
            .await;
            removed += u64::from(was_kept) + u64::from(self.take(Key::Counts(*id)).await.is_some());
        }
        Ok(removed)
    }

    async fn counts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Counts>>> {
        let mut counts = Vec::with_capacity(ids.len());
        for id in ids {
            counts.push(match self.entries.get(&Key::Counts(*id)).await {
                Some(Value::Counts(mirror)) => mirror.totals(),
                _ => None,
            });
        }
        Ok(counts)
    }

    async fn fill_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()> {
        self.change_mirror(post_id, |mirror| {
            mirror.fill(rows);
            true
        })
        .await;
        Ok(())
    }

    async fn update_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()> {
        self.change_mirror(post_id, |mirror| mirror.update(rows)).await;
        Ok(())
    }

    async fn timeline(&self, user_id: UserId) -> StoreResult<Option<Bytes>> {
        Ok(match self.entries.get(&Key::Timeline(user_id)).await {
            Some(Value::Timeline(snapshot)) => Some(snapshot),
            _ => None,
        })
    }

    async fn put_timeline(&self, user_id: UserId, snapshot: Bytes) -> StoreResult<()> {
        self.entries.insert(Key::Timeline(user_id), Value::Timeline(snapshot)).await;
        Ok(())
    }

    async fn remove_timeline(&self, user_id: UserId) -> StoreResult<bool> {
        Ok(self.take(Key::Timeline(user_id)).await.is_some())
    }

    async fn put_progress(&self, upload_id: UploadId, percent: u8) -> StoreResult<()> {
        self.entries.insert(Key::Progress(upload_id), Value::Progress(percent)).await;
        Ok(())
    }

    async fn progress(&self, upload_id: UploadId) -> StoreResult<Option<u8>> {
        Ok(match self.entries.get(&Key::Progress(upload_id)).await {
            Some(Value::Progress(percent)) => Some(percent),
            _ => None,
        })
    }

    async fn check(&self) -> StoreResult<()> {
        Ok(())
    }
}
