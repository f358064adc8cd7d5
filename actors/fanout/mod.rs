//! Fan-out (docs/functions.md, section 3): one message per node for a new post, one push to each resident follower.
//!
//! Deliveries of one author go through one of a few lanes, so they keep their order, and lanes work side by
//! side. A delivery is answered once every resident timeline has it in its mailbox (or was reset because
//! it could not take it); until then its event stays in the outbox, so a killed fan-out is run again, and
//! timelines drop what they have already.

mod actor;
mod core;
mod requests;
#[cfg(test)]
mod tests;

pub use actor::{FanoutActor, FanoutArgs};
pub use requests::Delivery;

use serde::{Deserialize, Serialize};
use tessera_cluster::{AskError, Deadline, EntityKey, Region};
use tessera_domain::{PostId, UserId, hash::stable_hash_u64};
use tessera_ports::ledger::TokenHash;

/// How many deliveries of different authors run side by side on a node.
pub const LANES: u16 = 16;

/// Names a lane of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneKey(pub u16);

impl EntityKey for LaneKey {
    fn stable_hash(&self) -> u64 {
        stable_hash_u64(u64::from(self.0), 0)
    }
}

/// Copies of posts and people that a node keeps in memory: told when they are out of date.
pub trait CacheInvalidation: Send + Sync + 'static {
    /// A post was edited or deleted. Returns how many copies were dropped.
    fn post_changed(&self, post_id: PostId) -> u64;

    fn user_changed(&self, user_id: UserId);

    /// Whom an account follows, mutes or blocks changed, or who blocks it.
    fn relations_changed(&self, user_id: UserId);

    /// An author has a new post, or one less.
    fn newest_posts_changed(&self, author_id: UserId);

    /// An author's posts are pulled by readers from now on, or no longer.
    fn celebrities_changed(&self);

    fn session_ended(&self, token: &TokenHash);
}

/// What callers hold of a node's fan-out.
#[derive(Clone)]
pub struct FanoutRef(pub Region<FanoutActor>);

impl FanoutRef {
    /// Delivers to this node's resident timelines; returns how many were there.
    pub async fn deliver(&self, delivery: Delivery, deadline: Deadline) -> Result<u64, AskError> {
        let lane = (stable_hash_u64(delivery.author_id().0, 7) % u64::from(LANES)) as u16;
        self.0.ask(LaneKey(lane), deadline, delivery).await
    }
}
