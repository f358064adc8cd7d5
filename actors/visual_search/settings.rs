//! What shards of the visual index are called and made of.

use crate::limited::LimitedLedger;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tessera_cluster::EntityKey;
use tessera_domain::hash::stable_hash_u64;
use tessera_ports::ObjectStore;
use tessera_visual::index::Engine;
use tokio::sync::Semaphore;

/// Keeps these keys apart from others' hashes.
const KEY_SEED: u64 = 0x7155;

/// Names a shard of the visual index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VisualShardKey {
    pub shard: u16,
    /// Of how many: another number of shards has other shards.
    pub of: u16,
}

impl EntityKey for VisualShardKey {
    fn stable_hash(&self) -> u64 {
        stable_hash_u64(u64::from(self.shard) << 16 | u64::from(self.of), KEY_SEED)
    }
}

/// Timing of the visual index, and what it is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisualSearchSettings {
    /// What makes and walks the graphs.
    pub engine: Engine,
    /// How often a shard compares itself with the ledger.
    pub reconcile_interval: Duration,
    /// How often a shard that changed writes a snapshot.
    pub snapshot_interval: Duration,
    /// How long one call of a store may take.
    pub call_limit: Duration,
    /// How long reading or writing a snapshot may take.
    pub snapshot_limit: Duration,
}

impl Default for VisualSearchSettings {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            reconcile_interval: Duration::from_secs(600),
            snapshot_interval: Duration::from_secs(300),
            call_limit: Duration::from_secs(10),
            snapshot_limit: Duration::from_secs(60),
        }
    }
}

/// What shards are made of.
pub struct VisualShardArgs {
    pub ledger: LimitedLedger,
    pub objects: Arc<dyn ObjectStore>,
    /// Timing, and what indexes are made with.
    pub settings: VisualSearchSettings,
    /// One piece of maintenance at a time on a node, so that searches keep their cores.
    pub maintenance: Arc<Semaphore>,
}
