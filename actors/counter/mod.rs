//! The counter of one post in one shard: likes, unlikes and comments, committed in groups.
//!
//! ```text
//! apply ─► CounterRef ─ hot? ─► shard 0 or counter_shard(user) ─► CounterActor
//!                                                                 gathers, one batch at a time
//!                                        Ledger::apply_counter_batch ─► HotStore::update_counts ─► replies
//! ```
//!
//! The ledger's transaction decides who counts (docs/functions.md, sections 4 and 9); the
//! actor only makes many requests share one commit. Hence nothing is lost when it dies, and two of them at
//! once would still count right. Which shard a like goes to may change at any time, because the like's row
//! remembers where it was counted.

mod actor;
mod core;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

pub use actor::{CounterActor, CounterArgs, CounterSettings};
pub use requests::CounterAnswer;

use self::{core::HeatSketch, requests::Apply};
use crate::{ActorError, CounterKey, restart};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_cluster::{Deadline, Region, RegionSettings};
use tessera_domain::{
    PostId, UserId,
    counters::{COUNTER_SHARDS, CounterOperation, counter_shard},
};

/// Operations per second on one post, as this node sees them, above which it is spread over shards.
const HOT_OPERATIONS_PER_SECOND: u32 = 200;

/// Limits for the region of counters: a mailbox holds a few seconds of a very hot post.
pub fn region_settings() -> RegionSettings {
    restart::region(4_096, Duration::from_secs(30), 64 * 1024 * 1024)
}

/// All counters. Cheap to clone.
#[derive(Clone)]
pub struct CounterRef {
    region: Region<CounterActor>,
    heat: Arc<HeatSketch>,
    started: Instant,
}

impl CounterRef {
    /// The counters that live in `region`.
    pub fn new(region: Region<CounterActor>) -> Self {
        region.serve_all();
        Self { region, heat: Arc::default(), started: Instant::now() }
    }

    /// Applies one operation and answers once it is committed.
    ///
    /// # Errors
    /// [`ActorError::Ask`] `Overloaded` where too many operations wait: nothing happened. `Expired` and
    /// `Restarted`, and a store's error of unknown determinacy: it may have happened. Every operation is
    /// idempotent and may be sent again.
    pub async fn apply(
        &self,
        post_id: PostId,
        user_id: UserId,
        operation: CounterOperation,
        deadline: Deadline,
    ) -> Result<CounterAnswer, ActorError> {
        let rate = self.heat.note(post_id, self.started.elapsed());
        let shard = if rate > HOT_OPERATIONS_PER_SECOND { counter_shard(user_id, COUNTER_SHARDS) } else { 0 };
        let key = CounterKey { post_id, shard };
        self.region.call(key, deadline, Apply(operation)).await?
    }

    /// The region, for the tree: sweeping, draining, what it is doing.
    pub fn region(&self) -> &Region<CounterActor> {
        &self.region
    }
}
