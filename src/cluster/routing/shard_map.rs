//! The shard map: a pure function from the ready nodes to the owner of every shard.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998): each shard goes to the node with the highest
//! hash of (node, shard). When a node comes or goes only its own share moves.

use std::fmt;

/// The key space is cut into this many shards. Fixed for the life of a deployment.
pub const SHARDS: u16 = 1_024;

/// One slice of the key space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard of a key, given the key's stable hash.
    pub fn of_hash(hash: u64) -> Self {
        // The high bits choose, so that the low ones stay useful inside the shard's own table.
        Self((hash >> 54) as u16 % SHARDS)
    }
}

/// A node's name, incarnation included; unique among the living.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(pub String);

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who owns which shard, as of one membership view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    epoch: u64,
    nodes: Vec<NodeName>,
    /// Index into `nodes` by shard.
    owners: Vec<u16>,
}

impl ShardMap {
    /// The map of the ready `nodes` at `epoch`. At least one node is given; order and doubles do not matter.
    pub fn new(epoch: u64, mut nodes: Vec<NodeName>) -> Self {
        nodes.sort();
        nodes.dedup();
        let weigh = |node: &NodeName, shard: u16| {
            let key = xxhash_rust::xxh3::xxh3_64(node.0.as_bytes());
            xxhash_rust::xxh3::xxh3_64_with_seed(&shard.to_le_bytes(), key)
        };
        let owner = |shard: u16| {
            let best = nodes.iter().enumerate().max_by_key(|(_, node)| weigh(node, shard));
            best.map_or(0, |(index, _)| index as u16)
        };
        let owners = (0..SHARDS).map(owner).collect();
        Self { epoch, nodes, owners }
    }

    /// The map of a lone node.
    pub fn single(node: NodeName) -> Self {
        Self::new(1, vec![node])
    }

    /// Grows with every change of the membership.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The ready nodes, sorted.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// Who owns `shard`; `None` only while there are no nodes.
    pub fn owner(&self, shard: ShardId) -> Option<&NodeName> {
        self.nodes.get(usize::from(self.owners[usize::from(shard.0)]))
    }

    /// How many shards each node owns, in the order of [`ShardMap::nodes`].
    pub fn shares(&self) -> Vec<usize> {
        let mut shares = vec![0; self.nodes.len()];
        for owner in &self.owners {
            if let Some(share) = shares.get_mut(usize::from(*owner)) {
                *share += 1;
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: usize) -> Vec<NodeName> {
        (0..count).map(|n| NodeName(format!("node-{n}#1"))).collect()
    }

    #[test]
    fn a_joining_node_takes_its_share_and_nothing_else_moves() {
        let before = ShardMap::new(1, nodes(4));
        let after = ShardMap::new(2, nodes(5));
        let newcomer = &NodeName("node-4#1".into());
        let moved = (0..SHARDS).map(ShardId).filter(|shard| before.owner(*shard) != after.owner(*shard));
        assert!(moved.clone().all(|shard| after.owner(shard) == Some(newcomer)));
        assert!((150..260).contains(&moved.count()), "about a fifth moves");
        assert!(after.shares().iter().all(|share| (130..290).contains(share)), "{:?}", after.shares());
    }

    #[test]
    fn the_order_of_nodes_does_not_matter() {
        let mut reversed = nodes(3);
        reversed.reverse();
        assert_eq!(ShardMap::new(7, nodes(3)), ShardMap::new(7, reversed));
    }
}
