//! Timeline checkpoints, health, and recreating what is derived.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{Timestamp, UserId};

/// What concerns the ledger as a whole, and what timelines keep in it.
#[async_trait]
pub trait MaintenanceLedger: Send + Sync + 'static {
    /// The durable part of a user's timeline (what was seen), in the timeline codec's own form.
    async fn timeline_checkpoint(&self, user_id: UserId) -> StoreResult<Option<Vec<u8>>>;

    /// Replaces timeline checkpoints, many in one transaction.
    async fn put_timeline_checkpoints(&self, checkpoints: &[(UserId, Vec<u8>)]) -> StoreResult<()>;

    /// A time that no id made so far lies after: the floor for a new id generator.
    async fn id_floor(&self) -> StoreResult<Timestamp>;

    /// Recomputes every counter and every account's counts from likes, comments, follows and posts;
    /// returns how many rows were wrong.
    async fn rebuild_counters(&self) -> StoreResult<u64>;

    /// Drops saved replies older than `before` and ended sessions; returns how many rows went.
    async fn purge_expired(&self, before: Timestamp) -> StoreResult<u64>;

    /// Whether the ledger answers and its schema is the one this program needs.
    async fn check(&self) -> StoreResult<()>;

    /// Finishes what is under way and closes. Later calls fail.
    async fn close(&self);
}
