//! A set of shards.

use super::shard_map::{SHARDS, ShardId};
use serde::{Deserialize, Serialize};

const WORDS: usize = SHARDS as usize / 64;

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShardSet([u64; WORDS]);

impl ShardSet {
    pub fn insert(&mut self, shard: ShardId) {
        self.0[usize::from(shard.0) / 64] |= 1 << (shard.0 % 64);
    }

    /// Whether the shard is in it.
    pub fn contains(&self, shard: ShardId) -> bool {
        self.0[usize::from(shard.0) / 64] & (1 << (shard.0 % 64)) != 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The shards in it.
    pub fn iter(&self) -> impl Iterator<Item = ShardId> + '_ {
        (0..SHARDS).map(ShardId).filter(|shard| self.contains(*shard))
    }
}
