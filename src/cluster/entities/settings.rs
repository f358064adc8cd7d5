//! A region's limits, what it tells of itself and of its entities, and what these are made to do by tests of the
//! product.

use super::intensity::RestartIntensity;
use std::time::Duration;

/// Where the entities of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Each on the node that owns its shard.
    OverNodes,
    /// Every node has its own, whatever its key.
    OnEveryNode,
}

/// Limits of one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionSettings {
    /// Messages that may wait in one entity's mailbox; past it callers get `Overloaded`.
    pub mailbox_capacity: usize,
    /// Entities unused this long leave memory.
    pub idle_after: Duration,
    /// Past this many bytes the least recently used entities leave memory; past twice as many nothing new
    /// is activated.
    pub memory_budget_bytes: usize,
    /// How often one entity may restart in place before it stops.
    pub entity_restarts: RestartIntensity,
    /// How many entities of one shard may stop before the shard's supervisor gives up.
    pub shard_restarts: RestartIntensity,
}

/// What a region is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionStats {
    pub active: usize,
    /// Messages waiting in all mailboxes.
    pub waiting: usize,
    pub deepest_mailbox: usize,
    /// Bytes held by entities, as they count them.
    pub heap_bytes: usize,
    /// Activations since the start.
    pub activations: u64,
    /// Passivations since the start.
    pub passivations: u64,
    /// Restarts after a panic since the start.
    pub restarts: u64,
    /// Messages dropped because their deadline had passed.
    pub expired: u64,
    /// Messages refused because a mailbox was full.
    pub refused: u64,
}

/// What can be seen of an entity from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityVitals {
    /// Which of the region's actors it is: another one after a restart from outside.
    pub activation: u64,
    /// Messages that it has handled; stands still where it hangs.
    pub handled: u64,
    /// Messages that wait, the one being handled included.
    pub waiting: usize,
}

/// What an entity is made to do, so that tests of the product see what becomes of it. A restart ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntitySabotage {
    /// Its handler panics once.
    Crash,
    /// It handles nothing for so long.
    Hang(Duration),
    /// Whatever it handles panics, for so long.
    Panic(Duration),
    /// Its mailbox is full of messages that take so long together.
    Flood(Duration),
}
