//! A bounded cache on this node that never answers with what was invalidated before the question.
//! Its loads are single-flight: callers that miss the same key at once share one.
//!
//! Invalidation moves a version instead of removing entries. A load remembers the version that it began
//! under, and what it stores counts only while that version is current, so a load that read the old value
//! just before an invalidation cannot bring it back. Versions are striped over the keys: two keys of one
//! stripe invalidate each other, which costs a load and nothing else.

use crate::AppResult;
use futures::{FutureExt, future::BoxFuture, future::Shared};
use moka::future::Cache;
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tessera_domain::{PostId, UserId, hash::stable_hash_u64};
use tessera_ports::ledger::TokenHash;

/// A power of two; 32 KiB of versions for each cache.
const STRIPES: usize = 4_096;

/// Keys of a [`NodeCache`].
pub(crate) trait CacheKey: Copy + Ord + Hash + Send + Sync + 'static {
    /// The key as a number, to choose its stripe by.
    fn number(self) -> u64;
}

impl CacheKey for PostId {
    fn number(self) -> u64 {
        self.0
    }
}

impl CacheKey for UserId {
    fn number(self) -> u64 {
        self.0
    }
}

impl CacheKey for TokenHash {
    fn number(self) -> u64 {
        // A hash already: any of its bytes are as good as others.
        let (first, _) = self.split_at(8);
        first.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// A key and the version its load began under.
pub(crate) type VersionedKey<K> = (K, u64);
type Loaded<K, V> = AppResult<Arc<HashMap<K, V>>>;
type Load<K, V> = Shared<BoxFuture<'static, Loaded<K, V>>>;

/// A bounded cache with batched loads, each key loaded once at a time.
pub(crate) struct NodeCache<K, V>(Arc<Inner<K, V>>);

struct Inner<K, V> {
    entries: Cache<K, (u64, V)>,
    versions: Box<[AtomicU64]>,
    under_way: Mutex<HashMap<K, UnderWay<K, V>>>,
}

/// A load that answers a key, and the version it began under.
struct UnderWay<K, V> {
    version: u64,
    load: Load<K, V>,
}

/// How the missing keys of one call are answered.
struct Flights<K: CacheKey, V> {
    /// The load of keys that nobody is loading yet.
    started: Option<SingleFlight<K, V>>,
    /// Keys with the loads that others started.
    joined: Vec<(K, Load<K, V>)>,
}

/// Takes the keys of a load off the list when whoever started it is done or gone. Others who wait for the
/// load carry it on.
struct SingleFlight<K: CacheKey, V> {
    inner: Arc<Inner<K, V>>,
    keys: Vec<VersionedKey<K>>,
    load: Load<K, V>,
}

impl<K: CacheKey, V> Drop for SingleFlight<K, V> {
    fn drop(&mut self) {
        let mut under_way = self.inner.under_way.lock();
        for (key, _) in &self.keys {
            if under_way.get(key).is_some_and(|other| other.load.ptr_eq(&self.load)) {
                under_way.remove(key);
            }
        }
    }
}

impl<K: CacheKey, V: Clone + Send + Sync + 'static> NodeCache<K, V> {
    /// A cache that holds entries for `ttl` and at most `max_weight` of what `weigh` says.
    pub(crate) fn new(max_weight: u64, ttl: Duration, weigh: fn(&V) -> u32) -> Self {
        let entries = Cache::builder()
            .max_capacity(max_weight)
            .time_to_live(ttl)
            .weigher(move |_: &K, (_, value): &(u64, V)| weigh(value))
            .build();
        let versions = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { entries, versions, under_way: Mutex::default() }))
    }

    /// Values of `keys`. `load` is asked once for all keys that are neither here nor being loaded; a key that
    /// it does not give has no value, and that is not remembered.
    ///
    /// # Errors
    /// Those of the loads this call waited for.
    pub(crate) async fn get_many<F>(
        &self,
        keys: &[K],
        load: impl FnOnce(Vec<VersionedKey<K>>) -> F + Send + 'static,
    ) -> AppResult<HashMap<K, V>>
    where
        F: Future<Output = AppResult<HashMap<K, V>>> + Send + 'static,
    {
        let mut found = HashMap::with_capacity(keys.len());
        let mut missing = Vec::new();
        for key in keys {
            match self.0.get(*key).await {
                Some(value) => drop(found.insert(*key, value)),
                None => missing.push(*key),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        missing.sort_unstable();
        missing.dedup();
        let Flights { started, joined } = self.join_or_start(missing, load);
        if let Some(started) = &started {
            found.extend(started.load.clone().await?.iter().map(|(key, value)| (*key, value.clone())));
        }
        for (key, load) in joined {
            if let Some(value) = load.await?.get(&key) {
                found.insert(key, value.clone());
            }
        }
        Ok(found)
    }

    /// Forgets `key`: what a load read before this call is not answered after it. Returns whether there was
    /// an entry.
    pub(crate) fn invalidate(&self, key: K) -> bool {
        self.0.version(key).fetch_add(1, Ordering::SeqCst);
        self.0.entries.contains_key(&key)
    }

    /// Forgets everything, as if each key had been invalidated.
    pub(crate) fn invalidate_all(&self) {
        for version in &self.0.versions {
            version.fetch_add(1, Ordering::SeqCst);
        }
        self.0.entries.invalidate_all();
    }

    /// Whether `key` was not invalidated since its load began.
    pub(crate) fn is_current(&self, (key, version): VersionedKey<K>) -> bool {
        self.0.version(key).load(Ordering::SeqCst) == version
    }

    fn join_or_start<F>(
        &self,
        missing: Vec<K>,
        load: impl FnOnce(Vec<VersionedKey<K>>) -> F + Send + 'static,
    ) -> Flights<K, V>
    where
        F: Future<Output = AppResult<HashMap<K, V>>> + Send + 'static,
    {
        let mut joined = Vec::new();
        let mut keys = Vec::new();
        let mut under_way = self.0.under_way.lock();
        for key in missing {
            let current = self.0.version(key).load(Ordering::SeqCst);
            match under_way.get(&key) {
                Some(other) if other.version == current => joined.push((key, other.load.clone())),
                _ => keys.push((key, current)),
            }
        }
        if keys.is_empty() {
            return Flights { started: None, joined };
        }
        let load = self.0.clone().load(keys.clone(), load).boxed().shared();
        under_way.extend(keys.iter().map(|(key, version)| (*key, UnderWay { version: *version, load: load.clone() })));
        drop(under_way);
        Flights { started: Some(SingleFlight { inner: self.0.clone(), keys, load }), joined }
    }
}

impl<K: CacheKey, V: Clone + Send + Sync + 'static> Inner<K, V> {
    fn version(&self, key: K) -> &AtomicU64 {
        &self.versions[stable_hash_u64(key.number(), 0) as usize % STRIPES]
    }

    async fn get(&self, key: K) -> Option<V> {
        let (version, value) = self.entries.get(&key).await?;
        (self.version(key).load(Ordering::SeqCst) == version).then_some(value)
    }

    async fn load<F>(
        self: Arc<Self>,
        keys: Vec<VersionedKey<K>>,
        load: impl FnOnce(Vec<VersionedKey<K>>) -> F + Send,
    ) -> Loaded<K, V>
    where
        F: Future<Output = AppResult<HashMap<K, V>>> + Send,
    {
        // A load that ended between our look and our start has stored its values by now.
        let mut values = HashMap::with_capacity(keys.len());
        let mut missing = Vec::with_capacity(keys.len());
        for (key, version) in keys {
            match self.get(key).await {
                Some(value) => drop(values.insert(key, value)),
                None => missing.push((key, version)),
            }
        }
        if !missing.is_empty() {
            let versions: HashMap<K, u64> = missing.iter().copied().collect();
            for (key, value) in load(missing).await? {
                if let Some(version) = versions.get(&key) {
                    self.entries.insert(key, (*version, value.clone())).await;
                    values.insert(key, value);
                }
            }
        }
        Ok(Arc::new(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::{Barrier, oneshot};

    fn cache() -> NodeCache<PostId, u64> {
        NodeCache::new(1_000, Duration::from_secs(60), |_| 1)
    }

    async fn doubled(keys: Vec<VersionedKey<PostId>>) -> AppResult<HashMap<PostId, u64>> {
        Ok(keys.into_iter().map(|(key, _)| (key, key.0 * 2)).collect())
    }

    #[tokio::test]
    async fn concurrent_misses_for_one_key_make_one_load() {
        let cache = Arc::new(cache());
        let loads = Arc::new(AtomicUsize::new(0));
        let start = Arc::new(Barrier::new(50));
        let askers: Vec<_> = (0..50u64)
            .map(|asker| {
                let (cache, loads, start) = (cache.clone(), loads.clone(), start.clone());
                tokio::spawn(async move {
                    start.wait().await;
                    // Every asker wants the hot key and one of its own.
                    let keys = [PostId(7), PostId(100 + asker)];
                    let load = move |keys: Vec<VersionedKey<PostId>>| async move {
                        loads.fetch_add(keys.iter().filter(|(key, _)| *key == PostId(7)).count(), Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        doubled(keys).await
                    };
                    cache.get_many(&keys, load).await.expect("loads")
                })
            })
            .collect();
        for (asker, task) in askers.into_iter().enumerate() {
            let found = task.await.expect("no panic");
            assert_eq!(found, HashMap::from([(PostId(7), 14), (PostId(100 + asker as u64), 200 + 2 * asker as u64)]));
        }
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert!(cache.0.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn what_was_read_before_an_invalidation_is_not_answered_after_it() {
        let cache = Arc::new(cache());
        let (go_on, wait) = oneshot::channel::<()>();
        let slow = tokio::spawn({
            let cache = cache.clone();
            async move {
                let load = |keys: Vec<VersionedKey<PostId>>| async move {
                    wait.await.expect("sent");
                    doubled(keys).await
                };
                cache.get_many(&[PostId(1)], load).await
            }
        });
        while cache.0.under_way.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        cache.invalidate(PostId(1));
        let newer = |_| async { Ok(HashMap::from([(PostId(1), 99)])) };
        assert_eq!(cache.get_many(&[PostId(1)], newer).await.expect("loads")[&PostId(1)], 99, "no joining");
        go_on.send(()).expect("waiting");
        slow.await.expect("no panic").expect("loads");
        let found = cache.get_many(&[PostId(1)], newer).await.expect("loads");
        assert_eq!(found[&PostId(1)], 99, "the old value did not come back");
    }

    #[tokio::test]
    async fn a_load_survives_whoever_started_it() {
        let cache = Arc::new(cache());
        let (go_on, wait) = oneshot::channel::<()>();
        let starter = tokio::spawn({
            let cache = cache.clone();
            async move {
                let load = |keys: Vec<VersionedKey<PostId>>| async move {
                    wait.await.expect("sent");
                    doubled(keys).await
                };
                cache.get_many(&[PostId(1)], load).await
            }
        });
        while cache.0.under_way.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        let other = tokio::spawn({
            let cache = cache.clone();
            async move { cache.get_many(&[PostId(1)], |_| async { Ok(HashMap::new()) }).await }
        });
        tokio::task::yield_now().await;
        starter.abort();
        assert!(starter.await.is_err_and(|error| error.is_cancelled()));
        go_on.send(()).expect("waiting");
        assert_eq!(other.await.expect("no panic").expect("loads")[&PostId(1)], 2);
    }

    #[tokio::test]
    async fn absent_keys_are_asked_again_and_errors_are_not_kept() {
        let cache = cache();
        assert!(cache.get_many(&[PostId(1)], |_| async { Ok(HashMap::new()) }).await.expect("loads").is_empty());
        let failing = |_| async { Err(crate::AppError::Unavailable("down".to_owned())) };
        assert!(cache.get_many(&[PostId(1)], failing).await.is_err());
        assert_eq!(cache.get_many(&[PostId(1)], doubled).await.expect("loads")[&PostId(1)], 2);
    }
}
