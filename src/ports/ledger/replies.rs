//! Replies kept for idempotency keys. What they say, and in which protocol, is their keeper's affair.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::Timestamp;

/// A reply kept for an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedReply {
    /// A hash of the request it answered; another request under the same key is refused.
    pub fingerprint: [u8; 32],
    /// A number that its keeper needs besides the body to give it again.
    pub label: u16,
    pub body: Vec<u8>,
}

/// Replies kept for idempotency keys.
#[async_trait]
pub trait ReplyLedger: Send + Sync + 'static {
    /// The reply saved under `key` by `scope` (a user's id or an address), if it is younger than a day.
    async fn saved_reply(&self, scope: &str, key: &str, now: Timestamp) -> StoreResult<Option<SavedReply>>;

    /// Saves a reply under `key`; the first one stays.
    async fn save_reply(&self, scope: &str, key: &str, reply: SavedReply, now: Timestamp) -> StoreResult<()>;
}
