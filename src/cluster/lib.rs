//! The virtual-actor layer over `ractor`: callers hold an entity reference, never a pid.
//!
//! - [`shard_map`]: which node owns which of the 1,024 shards (rendezvous hashing, with an epoch).
//! - [`region`]: per entity kind and node, the entities that are active here: activation on the first
//!   message, bounded mailboxes, deadlines, passivation by idleness and by a memory budget, hand-over.
//! - [`entity`]: what an entity implements, and what it may do while it handles a message.
//! - [`supervisor`]: a supervising actor with a restart policy, and the intensity limit behind it.
//! - [`call`]: what can be asked; a region sends a call to the node that owns the entity's shard.
//! - [`placement`]: what this node believes of the cluster; [`node`]: how regions reach the other nodes.
//! - [`transport`] and [`wire`]: what carries requests between nodes, and how they become bytes.
//!
//! This crate knows ractor and knows nothing of photos.

pub mod call;
pub mod deadline;
pub mod entity;
mod entity_actor;
pub mod error;
pub mod intensity;
pub mod keeper;
pub mod link;
pub mod node;
pub mod node_service;
pub mod placement;
pub mod region;
mod region_calls;
mod region_settings;
mod region_watch;
pub mod shard_map;
mod shard_supervisor;
pub mod supervisor;
pub mod transport;
pub mod wire;

pub use call::{Call, LAST_OWN_METHOD, RemoteCall};
pub use deadline::Deadline;
pub use entity::{Entity, EntityContext, EntityKey, Handle, Passivation, Reply};
pub use error::{AskError, EscalationReason};
pub use intensity::{IntensityMeter, RestartIntensity};
pub use keeper::{ClusterKeeper, JoinError, KeeperHooks, KeeperSettings, Phase};
pub use node::ClusterNode;
pub use node_service::NodeService;
pub use region::Region;
pub use region_calls::RemoteEntity;
pub use region_settings::{RegionSettings, RegionStats, Spread};
pub use region_watch::{EntitySabotage, EntityVitals};
pub use shard_map::{NodeName, SHARDS, ShardId, ShardMap};
pub use supervisor::{ChildSpec, Supervisor, SupervisorArgs, SupervisorHandle};

#[cfg(test)]
mod tests;
