//! What recommendations remember on this node. All of it is bounded, and none of it is missed when it is gone.

use super::RecommendedList;
use crate::hydrate::NodeCache;
use moka::future::Cache;
use parking_lot::RwLock;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId, post::PostRef};
use tokio::sync::Semaphore;

/// How long the newest public posts are believed.
const NEWEST_PUBLIC_TTL: Duration = Duration::from_secs(2);
/// How long a new list is given to those who asked for one to be made.
const FRESH_TTL: Duration = Duration::from_secs(10);
/// How long it is remembered that somebody's taste changed: longer than lists are believed.
const CHANGED_TTL: Duration = Duration::from_secs(900);
/// How long an older list is remembered, as a fallback.
const LAST_IDLE: Duration = Duration::from_secs(3_600);
/// Recommended posts remembered, over all people.
const REMEMBERED_ITEMS: u64 = 300_000;
/// How long an embedding is believed; it changes only with the model.
const VECTOR_TTL: Duration = Duration::from_secs(600);
/// Bytes of embeddings kept.
const VECTOR_BYTES: u64 = 64 * 1024 * 1024;
/// People whose last posts are remembered.
const SHOWN_ENTRIES: u64 = 100_000;
/// Posts that a person saw last.
const SHOWN_POSTS: usize = 20;

/// What recommendations remember on this node.
pub(crate) struct RecommendationMemory {
    fresh: Cache<UserId, Arc<RecommendedList>>,
    last: Cache<UserId, Arc<RecommendedList>>,
    shown: Cache<UserId, Arc<[PostId]>>,
    /// When what a person likes or follows last changed, as far as this node knows.
    changed: Cache<UserId, Instant>,
    popular: RwLock<Arc<[PostRef]>>,
    pub(super) newest_public: Cache<(), Arc<[PostRef]>>,
    /// Turns at making lists.
    pub(super) making: Semaphore,
    pub(super) vectors: NodeCache<PostId, Arc<[f32]>>,
}

impl Default for RecommendationMemory {
    fn default() -> Self {
        let weight = |_: &UserId, list: &Arc<RecommendedList>| (list.items.len() + 1) as u32;
        Self {
            fresh: Cache::builder().max_capacity(2_000).time_to_live(FRESH_TTL).build(),
            last: Cache::builder().max_capacity(REMEMBERED_ITEMS).weigher(weight).time_to_idle(LAST_IDLE).build(),
            changed: Cache::builder().max_capacity(SHOWN_ENTRIES).time_to_live(CHANGED_TTL).build(),
            shown: Cache::builder().max_capacity(SHOWN_ENTRIES).time_to_idle(LAST_IDLE).build(),
            popular: RwLock::new(Arc::from([])),
            newest_public: Cache::builder().max_capacity(1).time_to_live(NEWEST_PUBLIC_TTL).build(),
            making: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
            vectors: NodeCache::new(VECTOR_BYTES, VECTOR_TTL, |vector: &Arc<[f32]>| (4 * vector.len() + 200) as u32),
        }
    }
}

impl RecommendationMemory {
    /// The last whole list of a person, unless what they like or follow has changed since it was begun.
    pub(super) async fn current(&self, user_id: UserId) -> Option<Arc<RecommendedList>> {
        let list = self.last(user_id).await?;
        self.is_current(user_id, &list).await.then_some(list)
    }

    async fn is_current(&self, user_id: UserId, list: &RecommendedList) -> bool {
        self.changed.get(&user_id).await.is_none_or(|changed| list.begun > changed)
    }

    /// The list of a person: one of the last seconds, or the one that `make` makes, which is made once for all who ask.
    /// One that lacks something is kept for those seconds only; one that was overtaken by a change is not kept.
    pub(super) async fn fresh<E: Send + Sync + 'static>(
        &self,
        user_id: UserId,
        make: impl Future<Output = Result<RecommendedList, E>>,
    ) -> Result<Arc<RecommendedList>, Arc<E>> {
        let made = async { make.await.map(Arc::new) };
        let list = self.fresh.try_get_with(user_id, made).await?;
        if list.is_whole() {
            self.last.insert(user_id, list.clone()).await;
        }
        if !self.is_current(user_id, &list).await {
            self.fresh.invalidate(&user_id).await;
        }
        Ok(list)
    }

    /// The last whole list of a person, however old.
    pub(crate) async fn last(&self, user_id: UserId) -> Option<Arc<RecommendedList>> {
        self.last.get(&user_id).await
    }

    /// Makes the next list a new one: what the person likes or follows changed.
    pub(crate) async fn outdate(&self, user_id: UserId) {
        self.changed.insert(user_id, Instant::now()).await;
        self.fresh.invalidate(&user_id).await;
    }

    /// Remembers what a person got to see.
    pub(crate) async fn was_shown(&self, user_id: UserId, mut post_ids: Vec<PostId>) {
        let before = self.shown.get(&user_id).await.unwrap_or_default();
        let old: Vec<PostId> = before.iter().filter(|post_id| !post_ids.contains(post_id)).copied().collect();
        post_ids.reverse();
        post_ids.extend(old);
        post_ids.truncate(SHOWN_POSTS);
        self.shown.insert(user_id, post_ids.into()).await;
    }

    /// What a person saw last on this node, newest first.
    pub(super) async fn shown_lately(&self, user_id: UserId) -> Arc<[PostId]> {
        self.shown.get(&user_id).await.unwrap_or_default()
    }

    /// Remembers what is popular, for when nothing better can be had.
    pub(super) fn keep_popular(&self, posts: impl Iterator<Item = PostRef>) {
        *self.popular.write() = posts.collect();
    }

    /// What was popular when it was last known.
    pub(super) fn popular(&self) -> Arc<[PostRef]> {
        self.popular.read().clone()
    }
}
