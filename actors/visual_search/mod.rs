//! The visual index: posts by what their pictures look like, in shards spread over the nodes
//! (docs/functions.md, section 8).
//!
//! ```text
//! search ─► VisualSearchRef ─► every shard at once, until a deadline ─► merged; shards that are missing are told
//! post created ─► outbox ─► the post's shard ─► reads its embedding from the ledger ─► flat buffer: found at once
//!                                               └─ maintenance (graphs, merges) on threads of its own
//! ```
//!
//! A post belongs to one of a fixed number of shards by the slot of its embeddings; an embedded node has one shard. The
//! shard is an entity like any other: it lives on the node that owns it, and is remade elsewhere when that node
//! goes. It begins with its last snapshot from the object store and then compares itself with the ledger, slot by slot;
//! the same comparison, now and then, makes up for whatever message was lost. Until the first comparison has ended its
//! answers say that they may lack something. The [`keeper`] wakes the shards of a node before anybody searches.
//!
//! Each embedding model has an index of its own, and a query is compared by every model that it has a vector of. So
//! search goes on with the old model's vectors while the [`keeper`] embeds the posts anew; the old ones are dropped
//! when that is done.

mod actor;
mod core;
mod embedder;
mod events;
mod keeper;
mod reconcile;
pub(crate) mod requests;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;

pub use actor::VisualShardActor;
pub use embedder::{Embedder, QueryPictureError, QueryPlace};
pub use keeper::{KeeperArgs, KeeperSettings, VisualKeeper};
pub use requests::{ModelStats, ShardHits, ShardStats, VisualHit, VisualQuery};
pub use settings::{VisualSearchSettings, VisualShardArgs, VisualShardKey};
pub use snapshot::lists as snapshot_lists;
pub use tessera_media::{Crop, MediaError};
pub use tessera_visual::index::Engine;

use self::requests::{Describe, Forget, Learn, Rebuild, Search};
use crate::{ActorError, breaker::BreakerRef, restart};
use futures::future::join_all;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{AskError, ClusterNode, Deadline, EntityKey, Region, RegionSettings, ShardId};
use tessera_domain::PostId;
use tessera_ports::ledger::EMBEDDING_SLOTS;

/// Limits for the region of shards. They are never idle, and what they hold is bounded by the posts there are.
pub fn region_settings() -> RegionSettings {
    restart::region(1_024, Duration::from_secs(u64::from(u32::MAX)), usize::MAX / 4)
}

/// What was found over all shards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The nearest posts, nearest first: at most the query's limit.
    pub hits: Vec<VisualHit>,
    /// Shards that did not answer, or hold not all of their posts yet.
    pub missing_shards: usize,
    /// Whether there may be more than the limit let through.
    pub more: bool,
}

/// All shards. Cheap to clone.
#[derive(Clone)]
pub struct VisualSearchRef {
    region: Region<VisualShardActor>,
    node: Arc<ClusterNode>,
    shards: u16,
    /// Hears of shards that do not answer a search.
    breaker: BreakerRef,
}

impl VisualSearchRef {
    /// The `shards` shards (1 to [`EMBEDDING_SLOTS`]) that live in the regions of all nodes, `region` being `node`'s.
    /// `breaker` hears of those that do not answer a search.
    pub fn new(node: Arc<ClusterNode>, region: Region<VisualShardActor>, shards: u16, breaker: BreakerRef) -> Self {
        region.serve_all();
        Self { region, node, shards: shards.clamp(1, EMBEDDING_SLOTS), breaker }
    }

    /// The nearest posts over all shards. What did not answer by `deadline` is left out, and told.
    ///
    /// # Errors
    /// The first shard's, where none answered.
    pub async fn search(&self, query: &VisualQuery, deadline: Deadline) -> Result<Found, ActorError> {
        let started = Instant::now();
        let asked = self.keys().map(|key| self.region.call(key, deadline, Search(query.clone())));
        let mut found = Found::default();
        let mut failure = None;
        let mut answered = 0;
        for (shard, answer) in (0..).zip(join_all(asked).await) {
            match answer {
                Ok(ShardHits { hits, complete }) => {
                    answered += 1;
                    found.missing_shards += usize::from(!complete);
                    found.more |= hits.len() >= usize::from(query.limit);
                    found.hits.extend(hits);
                }
                Err(error) => {
                    tracing::debug!(%error, "a shard of the visual index did not answer");
                    self.breaker.complain_of(shard, &error);
                    found.missing_shards += 1;
                    failure.get_or_insert(error);
                }
            }
        }
        metrics::histogram!("tessera_visual_search_seconds").record(started.elapsed().as_secs_f64());
        match failure {
            Some(error) if answered == 0 => Err(error.into()),
            _ => {
                core::nearest_first(&mut found.hits, usize::from(query.limit));
                Ok(found)
            }
        }
    }

    /// Tells a post's shard that the ledger has an embedding of it; answered once it can be found.
    ///
    /// # Errors
    /// The shard was not reached, or cannot read the ledger: it learns of the post when it next compares.
    pub async fn learn(&self, post_id: PostId, deadline: Deadline) -> Result<(), ActorError> {
        self.region.call(self.key_of(post_id), deadline, Learn(vec![post_id])).await?
    }

    /// Tells a post's shard that the post is gone; answered once it cannot be found any more.
    ///
    /// # Errors
    /// The shard was not reached: it learns of it when it next compares.
    pub async fn forget(&self, post_id: PostId, deadline: Deadline) -> Result<(), ActorError> {
        Ok(self.region.call(self.key_of(post_id), deadline, Forget(vec![post_id])).await?)
    }

    /// What every shard is doing, in order, as far as they answer by `deadline`.
    pub async fn describe(&self, deadline: Deadline) -> Vec<Result<ShardStats, AskError>> {
        join_all(self.keys().map(|key| self.region.call(key, deadline, Describe))).await
    }

    /// Makes every shard begin anew from the ledger.
    ///
    /// # Errors
    /// The first shard's that was not reached.
    pub async fn rebuild(&self, deadline: Deadline) -> Result<(), ActorError> {
        let asked = join_all(self.keys().map(|key| self.region.call(key, deadline, Rebuild))).await;
        asked.into_iter().collect::<Result<(), AskError>>().map_err(ActorError::from)
    }

    /// Activates the shards that this node owns; called now and then by its keeper.
    fn wake(&self) {
        for key in self.keys().filter(|key| self.is_ours(*key) && !self.region.is_active(*key)) {
            if let Err(error) = self.region.notify(key, Describe) {
                tracing::debug!(%error, ?key, "a shard of the visual index was not woken");
            }
        }
    }

    /// Whether this node does what only one may do: it owns the first shard.
    fn leads(&self) -> bool {
        self.is_ours(self.key(0))
    }

    /// The key of a shard.
    pub fn key(&self, shard: u16) -> VisualShardKey {
        VisualShardKey { shard, of: self.shards }
    }

    fn is_ours(&self, key: VisualShardKey) -> bool {
        self.node.view().owns(ShardId::of_hash(key.stable_hash()))
    }

    fn keys(&self) -> impl Iterator<Item = VisualShardKey> {
        (0..self.shards).map(|shard| self.key(shard))
    }

    fn key_of(&self, post_id: PostId) -> VisualShardKey {
        self.key(core::shard_of(post_id, self.shards))
    }

    /// The region, for the tree: draining, what it is doing.
    pub fn region(&self) -> &Region<VisualShardActor> {
        &self.region
    }
}
