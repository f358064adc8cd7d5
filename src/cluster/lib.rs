//! The virtual-actor layer over `ractor`: callers hold an entity reference, never a pid.
//!
//! - [`shard_map`]: which node owns which of the 1,024 shards (rendezvous hashing, with an epoch).
//! - [`region`]: per entity kind and node, the entities that are active here: activation on the first
//!   message, bounded mailboxes, deadlines, passivation by idleness and by a memory budget, hand-over.
//! - [`entity`]: what an entity implements, and what it may do while it handles a message.
//! - [`supervisor`]: a supervising actor with a restart policy, and the intensity limit behind it.
//!
//! This crate knows ractor and knows nothing of photos. What is absent on purpose: the link between
//! nodes. A region asks the shard map before it touches an entity, so a remote path joins in
//! one place, [`region::Region::send`]; today the map has one node and that place answers `Moved`.

pub mod deadline;
pub mod entity;
mod entity_actor;
pub mod error;
pub mod intensity;
pub mod region;
mod region_settings;
pub mod shard_map;
mod shard_supervisor;
pub mod supervisor;

pub use deadline::Deadline;
pub use entity::{Entity, EntityContext, EntityKey, Passivation, Reply};
pub use error::{AskError, EscalationReason};
pub use intensity::{IntensityMeter, RestartIntensity};
pub use region::Region;
pub use region_settings::{RegionSettings, RegionStats};
pub use shard_map::{NodeName, SHARDS, ShardId, ShardMap};
pub use supervisor::{ChildSpec, Supervisor, SupervisorArgs, SupervisorHandle};

#[cfg(test)]
mod tests;
