//! The transactional outbox: events written with what they tell of, delivered at least once.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{Timestamp, event::Event};

/// How often an event is handed out before it is dead.
///
/// With the relay's back-off that is more than half a day: an object store may be down that long before the media
/// of a deleted post is left behind.
pub const MAX_EVENT_ATTEMPTS: u32 = 100;

/// An event that this caller holds until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Position in the outbox; events are handed out in this order as far as retries allow.
    pub id: i64,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    pub lease_token: u64,
    pub event: Event,
}

/// How many events stand where, each count at most [`MAX_COUNTED`](super::MAX_COUNTED).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCounts {
    pub pending: u64,
    /// Given up after [`MAX_EVENT_ATTEMPTS`].
    pub dead: u64,
}

/// An event that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEvent {
    /// Its position in the outbox.
    pub id: i64,
    /// What happened, as it is stored (JSON): also what this program cannot read is shown.
    pub event: String,
    pub attempts: u32,
    /// The last failure, if any was reported.
    pub last_error: Option<String>,
}

#[async_trait]
pub trait OutboxLedger: Send + Sync + 'static {
    /// Leases up to `limit` due events for `lease_ms`, oldest first. Events whose attempts are spent
    /// become dead instead.
    async fn claim_events(&self, limit: usize, lease_ms: i64, now: Timestamp) -> StoreResult<Vec<OutboxEvent>>;

    /// Removes handled events, by id and lease token; those whose lease was lost stay.
    async fn acknowledge_events(&self, handled: &[(i64, u64)]) -> StoreResult<()>;

    /// Gives an event back, due again at `retry_at`.
    async fn retry_event(&self, id: i64, lease_token: u64, retry_at: Timestamp, error: &str) -> StoreResult<()>;

    /// How many events stand where.
    async fn outbox_counts(&self) -> StoreResult<OutboxCounts>;

    /// Dead events, oldest first, those behind the position `after`.
    async fn dead_events(&self, after: Option<i64>, limit: usize) -> StoreResult<Vec<DeadEvent>>;

    /// Makes a dead event due at once with all its attempts; false where it is not dead.
    async fn revive_event(&self, id: i64) -> StoreResult<bool>;
}
