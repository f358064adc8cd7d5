//! The virtual-actor layer over `ractor`: callers hold an entity reference, never a pid.
//!
//! - [`entities`]: what an entity implements; the region that holds those of a kind, with activation on the first
//!   call, bounded mailboxes, deadlines, passivation and restarts; supervision.
//! - [`routing`]: shards and who owns them, calls to entities and to nodes wherever they are, hand-over.
//! - [`membership`]: what keeps this node a member of its cluster.
//! - [`link`]: authenticated sessions between nodes, and requests over them.
//!
//! This crate knows ractor and knows nothing of photos.

pub mod entities;
pub mod link;
pub mod membership;
pub mod routing;

pub use entities::{
    ChildSpec, Entity, EntityContext, EntityKey, EntitySabotage, EntityVitals, EscalationReason, Handle,
    IntensityMeter, Passivation, Region, RegionSettings, RegionStats, RemoteEntity, Reply, RestartIntensity, Spread,
    Supervisor, SupervisorArgs, SupervisorHandle,
};
pub use membership::{ClusterKeeper, JoinError, KeeperHooks, KeeperSettings, Phase};
pub use routing::{
    call::{Call, LAST_OWN_METHOD, RemoteCall},
    deadline::Deadline,
    error::AskError,
    node::ClusterNode,
    node_service::NodeService,
    shard_map::{NodeName, SHARDS, ShardId, ShardMap},
    transport,
    view::{View, node_name},
    wire,
};

#[cfg(test)]
mod tests;
