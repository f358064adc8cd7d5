//! What this node believes of the cluster: its members, who owns which shard, and which shards are still on their
//! way here.
//!
//! When a shard moves between two living nodes the new owner asks the old one to let go of it first. Until that
//! is answered (or [`HAND_OVER_LIMIT`] has passed) the shard is *arriving* here: requests for it wait, so that an
//! entity is remade from what its predecessor saved. Correctness does not depend on it, only freshness does.

use crate::{
    Deadline,
    shard_map::{NodeName, SHARDS, ShardId, ShardMap},
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tessera_ports::membership::{Member, MemberId, MemberStatus, MembershipView};
use tokio::sync::{Notify, watch};

/// How long a shard's new owner waits for the old one to let go of it.
pub const HAND_OVER_LIMIT: Duration = Duration::from_secs(2);

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

/// The name of a node's run: unique among all that ever live in a cluster.
pub fn node_name(id: &MemberId) -> NodeName {
    NodeName(format!("{}#{}", id.name, id.incarnation))
}

/// The cluster as of one membership view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub this: NodeName,
    /// Who owns what; its epoch is the membership's view number.
    pub map: ShardMap,
    /// All members; empty where the node is alone.
    pub members: Vec<Member>,
}

impl View {
    /// The view of a node that is a cluster of its own.
    pub fn alone(this: NodeName) -> Self {
        Self { map: ShardMap::single(this.clone()), this, members: Vec::new() }
    }

    /// The view that follows from the membership table. Ready nodes own the shards; where none is ready, those
    /// that drain keep them to the end.
    pub fn of(this: NodeName, table: &MembershipView) -> Self {
        let with = |status| {
            let members = table.members.iter().filter(move |member| member.status == status);
            members.map(|member| node_name(&member.id)).collect::<Vec<_>>()
        };
        let ready = with(MemberStatus::Ready);
        let owners = if ready.is_empty() { with(MemberStatus::Draining) } else { ready };
        Self { this, map: ShardMap::new(table.view, owners), members: table.members.clone() }
    }

    /// Grows with every change of the membership.
    pub fn epoch(&self) -> u64 {
        self.map.epoch()
    }

    /// Whether this node owns the shard.
    pub fn owns(&self, shard: ShardId) -> bool {
        self.map.owner(shard) == Some(&self.this)
    }

    /// Whether `node` is a member.
    pub fn has_member(&self, node: &NodeName) -> bool {
        self.members.iter().any(|member| node_name(&member.id) == *node)
    }

    /// The other members that may hold entities.
    pub fn others_at_work(&self) -> Vec<NodeName> {
        let at_work = self.members.iter().filter(|member| member.status != MemberStatus::Joining);
        at_work.map(|member| node_name(&member.id)).filter(|name| *name != self.this).collect()
    }
}

/// What a new view changes for this node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Moves {
    /// Shards that others own now.
    pub(crate) departing: ShardSet,
    /// Shards that this node owns now, by the living node that owned them.
    pub(crate) arriving: BTreeMap<NodeName, ShardSet>,
}

impl Moves {
    fn between(old: &View, new: &View) -> Self {
        let mut moves = Self::default();
        // A node that re-joins under a new name kept nothing.
        if old.this != new.this {
            return moves;
        }
        for shard in (0..SHARDS).map(ShardId) {
            match (old.map.owner(shard), new.map.owner(shard)) {
                (Some(before), Some(after)) if before != after && *before == new.this => moves.departing.insert(shard),
                (Some(before), Some(after)) if before != after && *after == new.this && new.has_member(before) => {
                    moves.arriving.entry(before.clone()).or_default().insert(shard);
                }
                _ => {}
            }
        }
        moves
    }
}

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
    pub(crate) fn install(&self, new: View) -> Moves {
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
