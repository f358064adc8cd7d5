//! The cluster as of one membership view, and what changes for this node from one view to the next.

use super::{
    shard_map::{NodeName, SHARDS, ShardId, ShardMap},
    shard_set::ShardSet,
};
use std::collections::BTreeMap;
use tessera_ports::membership::{Member, MemberId, MemberStatus, MembershipView};

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
pub(super) struct Moves {
    /// Shards that others own now.
    pub(super) departing: ShardSet,
    /// Shards that this node owns now, by the living node that owned them.
    pub(super) arriving: BTreeMap<NodeName, ShardSet>,
}

impl Moves {
    pub(super) fn between(old: &View, new: &View) -> Self {
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
