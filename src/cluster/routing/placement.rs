//! What this node believes of the cluster: its members, who owns which shard, and which shards are still on their
//! way here.
//!
//! When a shard moves between two living nodes the new owner asks the old one to let go of it first. Until that
//! is answered (or [`HAND_OVER_LIMIT`] has passed) the shard is *arriving* here: requests for it wait, so that an
//! entity is remade from what its predecessor saved. Correctness does not depend on it, only freshness does.

use super::{
    deadline::Deadline,
    shard_map::{SHARDS, ShardId},
    shard_set::ShardSet,
    view::{Moves, View},
};
use parking_lot::RwLock;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// How long a shard's new owner waits for the old one to let go of it.
pub const HAND_OVER_LIMIT: Duration = Duration::from_secs(2);

/// This node's place in the cluster.
#[derive(Debug)]
pub struct Placement {
    view: RwLock<Arc<View>>,
    /// Moves with every view and with every shard that has arrived.
    changed: watch::Sender<u64>,
    /// By shard: the epoch at which it began to arrive; zero where it is not on its way.
    arriving: Vec<AtomicU64>,
    stale: Notify,
}

impl Placement {
    /// A placement that begins with `view`.
    pub fn new(view: View) -> Self {
        Self {
            view: RwLock::new(Arc::new(view)),
            changed: watch::Sender::new(0),
            arriving: (0..SHARDS).map(|_| AtomicU64::new(0)).collect(),
            stale: Notify::new(),
        }
    }

    /// The view in force.
    pub fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }

    /// Puts a newer view into force and says what moves; older ones change nothing.
    pub(super) fn install(&self, new: View) -> Moves {
        let mut view = self.view.write();
        if new.this == view.this && new.epoch() <= view.epoch() {
            return Moves::default();
        }
        let moves = Moves::between(&view, &new);
        for shard in (0..SHARDS).map(ShardId) {
            if !new.owns(shard) || new.this != view.this {
                self.arriving[usize::from(shard.0)].store(0, Ordering::Release);
            }
        }
        for shard in moves.arriving.values().flat_map(ShardSet::iter) {
            self.arriving[usize::from(shard.0)].store(new.epoch(), Ordering::Release);
        }
        *view = Arc::new(new);
        drop(view);
        self.changed.send_modify(|count| *count += 1);
        moves
    }

    /// Ends the arrival of shards that began at `epoch`.
    pub(crate) fn arrived(&self, shards: &ShardSet, epoch: u64) {
        for shard in shards.iter() {
            let _ = self.arriving[usize::from(shard.0)].compare_exchange(epoch, 0, Ordering::AcqRel, Ordering::Acquire);
        }
        self.changed.send_modify(|count| *count += 1);
    }

    /// Whether the shard is still on its way here.
    pub fn is_arriving(&self, shard: ShardId) -> bool {
        self.arriving[usize::from(shard.0)].load(Ordering::Acquire) != 0
    }

    /// Waits until the shard has arrived, or until `deadline`.
    pub(crate) async fn wait_arrived(&self, shard: ShardId, deadline: Deadline) {
        self.wait_until(deadline, || !self.is_arriving(shard)).await;
    }

    /// Waits for a view of at least `epoch`; says whether it came before `deadline`.
    pub async fn wait_epoch(&self, epoch: u64, deadline: Deadline) -> bool {
        if self.view().epoch() >= epoch {
            return true;
        }
        self.stale.notify_one();
        self.wait_until(deadline, || self.view().epoch() >= epoch).await
    }

    /// Waits until `condition` holds, looked at whenever something changes.
    pub(crate) async fn wait_until(&self, deadline: Deadline, condition: impl Fn() -> bool) -> bool {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !condition() {
                // The sender lives as long as `self`.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout_at(deadline.instant().into(), wait).await.is_ok()
    }

    /// Resolves when somebody saw a newer epoch than this node's: the table should be read.
    pub async fn stale(&self) {
        self.stale.notified().await;
    }

    /// Asks for the table to be read.
    pub fn mark_stale(&self) {
        self.stale.notify_one();
    }
}
