//! The servers that share the key space, and the gate before each connection.

use super::dial::{Dialer, SlotRange};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

const SLOTS: u16 = 16_384;

/// A connection that works, as far as anyone knows.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    /// Tells this server's run from its earlier ones and from other servers.
    pub(super) run: Arc<str>,
    index: usize,
    /// Tells this connection from its predecessors.
    generation: u64,
}

/// A master, with a few connections that calls share.
pub(super) struct Node {
    /// `host:port`, as the cluster or the URL tells it.
    pub(super) host: String,
    connections: Vec<Mutex<Option<Live>>>,
    turn: AtomicUsize,
    generations: AtomicU64,
}

impl Node {
    pub(super) fn new(host: String, connections: usize) -> Self {
        let connections = (0..connections).map(|_| Mutex::new(None)).collect();
        Self { host, connections, turn: AtomicUsize::new(0), generations: AtomicU64::new(0) }
    }

    /// An open connection; at once or not at all.
    pub(super) fn live(&self) -> Option<Live> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..self.connections.len())
            .find_map(|step| self.connections[first.wrapping_add(step) % self.connections.len()].lock().clone())
    }

    /// Takes a connection out of use that failed; whether it was still in use.
    pub(super) fn close(&self, failed: &Live) -> bool {
        let mut live = self.connections[failed.index].lock();
        let is_current = live.as_ref().is_some_and(|live| live.generation == failed.generation);
        if is_current {
            *live = None;
        }
        is_current
    }

    /// Dials for every closed connection; stops at the first failure, because the others would fail as well.
    pub(super) async fn open(&self, dialer: &Dialer, timeout: Duration) -> Result<(), String> {
        for (index, place) in self.connections.iter().enumerate() {
            if place.lock().is_some() {
                continue;
            }
            let dialled = tokio::time::timeout(timeout, dialer.dial(&self.host)).await;
            let dialled = dialled.map_err(|_| format!("{}: no connection within {timeout:?}", self.host))?;
            let (connection, run) = dialled.map_err(|error| format!("{}: {error}", self.host))?;
            let generation = self.generations.fetch_add(1, Ordering::Relaxed);
            tracing::info!(node = self.host, %run, "connected to Redis");
            *place.lock() = Some(Live { connection, run, index, generation });
        }
        Ok(())
    }
}

/// Who owns which part of the key space.
pub(super) struct Map {
    pub(super) nodes: Vec<Arc<Node>>,
    /// Per slot the owner's place among the nodes; empty where one node owns everything.
    owners: Vec<Option<u16>>,
}

impl Map {
    /// One node for everything.
    pub(super) fn single(node: Node) -> Self {
        Self { nodes: vec![Arc::new(node)], owners: Vec::new() }
    }

    /// A cluster of which nothing is known yet.
    pub(super) fn unknown() -> Self {
        Self { nodes: Vec::new(), owners: vec![None; usize::from(SLOTS)] }
    }

    /// The map that these ranges draw; nodes that stay keep their connections.
    pub(super) fn updated(&self, ranges: &[SlotRange], connections: usize) -> Self {
        let mut map = Self::unknown();
        for range in ranges {
            let place = map.nodes.iter().position(|node| node.host == range.host).unwrap_or_else(|| {
                let known = self.nodes.iter().find(|node| node.host == range.host);
                let new = || Arc::new(Node::new(range.host.clone(), connections));
                map.nodes.push(known.map_or_else(new, Arc::clone));
                map.nodes.len() - 1
            });
            let owned = map.owners.get_mut(usize::from(range.first)..=usize::from(range.last));
            owned.into_iter().flatten().for_each(|owner| *owner = u16::try_from(place).ok());
        }
        map
    }

    /// The slot of keys with this hash tag, and the place of the node that owns it, if any does.
    pub(super) fn place(&self, tag: &str) -> (u16, Option<usize>) {
        if !self.is_cluster() {
            return (0, Some(0));
        }
        let slot = slot_of(tag.as_bytes());
        (slot, self.owners[usize::from(slot)].map(usize::from))
    }

    /// Whether several nodes share the key space, so that keys of different slots must not meet in one command.
    pub(super) fn is_cluster(&self) -> bool {
        !self.owners.is_empty()
    }
}

/// CRC-16/XMODEM of a hash tag, as the cluster specification has it.
fn slot_of(tag: &[u8]) -> u16 {
    let crc = tag.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16, host: &str) -> SlotRange {
        SlotRange { first, last, host: host.to_owned() }
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        // The check value of CRC-16/XMODEM, and the example of the documentation of CLUSTER KEYSLOT.
        assert_eq!(slot_of(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"somekey"), 11_058);
    }

    #[test]
    fn a_map_follows_the_slots_and_keeps_its_nodes() {
        let first = Map::unknown().updated(&[range(0, 8_191, "a:1"), range(8_192, 16_383, "b:1")], 1);
        let (slot, owner) = first.place("somekey");
        assert_eq!((slot, owner), (11_058, Some(1)));
        let second = first.updated(&[range(0, 9_999, "a:1"), range(10_000, 16_000, "c:1")], 1);
        assert!(Arc::ptr_eq(&second.nodes[0], &first.nodes[0]), "a node that stays is the same");
        assert_eq!(second.nodes[second.place("somekey").1.expect("an owner")].host, "c:1");
        assert_eq!(second.owners[16_001], None, "nobody owns the rest");
        assert_eq!(first.updated(&[range(16_380, 20_000, "a:1")], 1).owners[16_380], None, "nonsense is left out");
        assert_eq!(Map::single(Node::new(String::new(), 1)).place("somekey"), (0, Some(0)));
    }
}
