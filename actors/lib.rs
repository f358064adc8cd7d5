//! The product's actors, a folder each, and the tree that supervises them.
//!
//! An actor's folder holds its contract (`mod.rs`: the reference that callers see), what it can be asked
//! (`requests.rs`), a pure state machine (`core.rs`: no I/O, no clock, no ractor), and the shell that decodes,
//! applies and performs effects (`actor.rs`).

pub mod ads;
pub mod breaker;
pub mod broadcast;
pub mod counter;
pub mod fanout;
mod group_commit;
pub mod inbox;
mod limited;
pub mod media_pool;
mod methods;
pub mod outbox;
pub mod popular;
pub mod recommender;
pub mod restart;
pub mod sweeper;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod tree;
pub mod upkeep;
pub mod visual_search;

pub use tessera_cluster::{AskError, Deadline};

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_cluster::EntityKey;
use tessera_domain::{PostId, UserId, hash::stable_hash_u64};
use tessera_ports::StoreError;

/// Makes ids that are unique in the whole installation: the application's id source, as the actors see it.
pub type NextId = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How an actor fails to serve.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
pub enum ActorError {
    /// The entity did not take the message or did not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The store behind it failed; its determinacy says whether the write may have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Names the entity of one user (a timeline, an inbox).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserKey(pub UserId);

impl EntityKey for UserKey {
    fn stable_hash(&self) -> u64 {
        stable_hash_u64(self.0.0, 0)
    }
}

/// Names the counter of one post in one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CounterKey {
    pub post_id: PostId,
    /// Which of its shards.
    pub shard: u16,
}

impl EntityKey for CounterKey {
    fn stable_hash(&self) -> u64 {
        stable_hash_u64(self.post_id.0, u64::from(self.shard))
    }
}

/// Names an entity of which each node has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeSingleton;

impl EntityKey for NodeSingleton {
    fn stable_hash(&self) -> u64 {
        0
    }
}
