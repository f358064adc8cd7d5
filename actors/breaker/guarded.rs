//! Ports behind breakers, for everybody who uses them.

use super::{BreakerError, BreakerRef};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use std::{ops::RangeInclusive, path::Path, sync::Arc, time::Duration};
use tessera_cluster::Deadline;
use tessera_domain::Timestamp;
use tessera_ports::{
    Cdn, Determinacy, ObjectStore, StoreError, StoreResult,
    object_store::{ObjectBody, ObjectInfo, PresignedPut, StoredPart},
};

/// How long an object may take to be found or to begin to stream.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a deletion may take: less than the outbox gives it, so that the breaker hears of its end.
const DELETE_TIMEOUT: Duration = Duration::from_millis(4_500);
/// More keys than a post has are a sweep, which may take its time and holds up nobody.
const SINGLE_POST: usize = 32;
/// How long one cache may take to forget: what the outbox has left after a deletion that hung.
const PURGE_TIMEOUT: Duration = Duration::from_secs(4);

/// An object store that refuses at once what would hang: reads for readers, and deletions.
///
/// What the media pool and uploads do passes straight through: their jobs wait for the store in the ledger, and must
/// not use up their attempts while a breaker is open.
pub struct GuardedObjects {
    inner: Arc<dyn ObjectStore>,
    breaker: BreakerRef,
}

impl GuardedObjects {
    pub fn new(inner: Arc<dyn ObjectStore>, breaker: BreakerRef) -> Self {
        Self { inner, breaker }
    }

    async fn call<T>(&self, timeout: Duration, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let called = self.breaker.call(Deadline::after(timeout), work).await;
        called.map_err(|error| store_error("object store", error))
    }
}

#[async_trait]
impl ObjectStore for GuardedObjects {
    async fn presign_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.inner.presign_put(key, content_type, size_bytes, valid_seconds).await
    }

    async fn presign_checked_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        checksum_sha256: &str,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.inner.presign_checked_put(key, content_type, size_bytes, checksum_sha256, valid_seconds).await
    }

    async fn begin_multipart(&self, key: &str, content_type: &str) -> StoreResult<String> {
        self.inner.begin_multipart(key, content_type).await
    }

    async fn presign_part(
        &self,
        key: &str,
        multipart_id: &str,
        part_number: u32,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.inner.presign_part(key, multipart_id, part_number, size_bytes, valid_seconds).await
    }

    async fn stored_parts(&self, key: &str, multipart_id: &str) -> StoreResult<Option<Vec<StoredPart>>> {
        self.inner.stored_parts(key, multipart_id).await
    }

    async fn finish_multipart(&self, key: &str, multipart_id: &str, parts: &[StoredPart]) -> StoreResult<bool> {
        self.inner.finish_multipart(key, multipart_id, parts).await
    }

    async fn abort_multipart(&self, key: &str, multipart_id: &str) -> StoreResult<()> {
        self.inner.abort_multipart(key, multipart_id).await
    }

    async fn abort_old_multiparts(&self, key_prefix: &str, began_before: Timestamp) -> StoreResult<usize> {
        self.inner.abort_old_multiparts(key_prefix, began_before).await
    }

    async fn head(&self, key: &str) -> StoreResult<Option<ObjectInfo>> {
        self.call(READ_TIMEOUT, self.inner.head(key)).await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> StoreResult<Option<Bytes>> {
        self.inner.get(key, max_bytes).await
    }

    async fn open(&self, key: &str, range: Option<RangeInclusive<u64>>) -> StoreResult<Option<ObjectBody>> {
        self.call(READ_TIMEOUT, self.inner.open(key, range)).await
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> StoreResult<()> {
        self.inner.put(key, content_type, bytes).await
    }

    async fn get_to_file(&self, key: &str, path: &Path, max_bytes: u64) -> StoreResult<bool> {
        self.inner.get_to_file(key, path, max_bytes).await
    }

    async fn put_file(&self, key: &str, content_type: &str, path: &Path) -> StoreResult<()> {
        self.inner.put_file(key, content_type, path).await
    }

    async fn delete(&self, keys: &[String]) -> StoreResult<()> {
        if keys.len() > SINGLE_POST {
            return self.inner.delete(keys).await;
        }
        self.call(DELETE_TIMEOUT, self.inner.delete(keys)).await
    }

    async fn delete_folder(&self, folder: &str) -> StoreResult<()> {
        self.inner.delete_folder(folder).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await
    }
}

/// The caches of a CDN, each behind a breaker of its own: one that is away holds up none of the others.
pub struct GuardedCaches {
    caches: Vec<(BreakerRef, Arc<dyn Cdn>)>,
}

impl GuardedCaches {
    /// These caches behind their breakers.
    pub fn new(caches: Vec<(BreakerRef, Arc<dyn Cdn>)>) -> Self {
        Self { caches }
    }
}

#[async_trait]
impl Cdn for GuardedCaches {
    async fn purge(&self, paths: &[String]) -> StoreResult<()> {
        let deadline = Deadline::after(PURGE_TIMEOUT);
        let purges = self.caches.iter().map(|(breaker, cache)| async move {
            let purged = breaker.call(deadline, cache.purge(paths)).await;
            purged.map_err(|error| store_error("CDN", error))
        });
        // All of them, whatever becomes of the first.
        join_all(purges).await.into_iter().collect()
    }
}

fn store_error(store: &'static str, error: BreakerError<StoreError>) -> StoreError {
    let determinacy = match &error {
        BreakerError::Failed(_) | BreakerError::TimedOut | BreakerError::Panicked => Determinacy::Unknown,
        BreakerError::Open { .. } | BreakerError::Full => Determinacy::NotDone,
    };
    match error {
        BreakerError::Failed(error) => error,
        BreakerError::Full => StoreError::Overloaded { store },
        other => StoreError::Unavailable { store, determinacy, detail: other.to_string() },
    }
}
