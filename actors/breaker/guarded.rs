//! Ports behind breakers, for everybody who uses them.

use super::{BreakerError, BreakerRef};
use async_trait::async_trait;
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tessera_cluster::Deadline;
use tessera_ports::{
    Cdn, Determinacy, ObjectStore, StoreError, StoreResult,
    decorators::{Decorated, Decorator},
};

/// How long an object may take to be found or to begin to stream.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a deletion may take: less than the outbox gives it, so that the breaker hears of its end.
const DELETE_TIMEOUT: Duration = Duration::from_millis(4_500);
/// How long one cache may take to forget: what the outbox has left after a deletion that hung.
const PURGE_TIMEOUT: Duration = Duration::from_secs(4);

/// An object store that refuses at once what would hang: reads for readers, and deletions of posts.
///
/// Everything else passes straight through. The media pool and upkeep use the store without this: their work waits for
/// it in the ledger, may take its time, and must not use up its attempts while a breaker is open.
pub type GuardedObjects = Decorated<dyn ObjectStore, ObjectsGuard>;

/// The breaker of the object store, around those calls that somebody waits for.
pub struct ObjectsGuard(BreakerRef);

impl ObjectsGuard {
    pub fn new(breaker: BreakerRef) -> Self {
        Self(breaker)
    }
}

impl Decorator for ObjectsGuard {
    async fn call<T: Send>(
        &self,
        method: &'static str,
        call: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        let timeout = match method {
            "head" | "open" => READ_TIMEOUT,
            "delete" => DELETE_TIMEOUT,
            _ => return call.await,
        };
        let called = self.0.call(Deadline::after(timeout), call).await;
        called.map_err(|error| store_error("object store", error))
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
    async fn purge(&self, paths: &[String]) -> StoreResult<u64> {
        let deadline = Deadline::after(PURGE_TIMEOUT);
        let purges = self.caches.iter().map(|(breaker, cache)| async move {
            let purged = breaker.call(deadline, cache.purge(paths)).await;
            purged.map_err(|error| store_error("CDN", error))
        });
        // All of them, whatever becomes of the first.
        join_all(purges).await.into_iter().sum()
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
