//! Entities: what one is and may do, the region that holds those of a kind, and who watches over them.
//!
//! - [`entity`], [`context`], [`reply`]: what an entity implements, and what it may do while it handles a call.
//! - [`region`]: those in memory here, reached by their key: here at once, or on another node ([`calls`]).
//! - [`activation`], [`leaving`]: how they come into memory and leave it. [`state`] and [`mailbox`] hold the account.
//! - [`watch`]: what those may see and do who watch over them.
//! - [`actor`], [`shard_supervisor`], [`supervisor`], [`intensity`]: the ractor side, from one entity up to the root.

mod activation;
mod actor;
mod calls;
mod context;
mod entity;
mod intensity;
mod leaving;
mod mailbox;
mod region;
mod reply;
mod settings;
mod shard_supervisor;
mod state;
mod supervisor;
mod watch;

pub use calls::RemoteEntity;
pub use context::EntityContext;
pub use entity::{Entity, EntityKey, Handle, Passivation};
pub use intensity::{IntensityMeter, RestartIntensity};
pub use region::Region;
pub use reply::Reply;
pub use settings::{EntitySabotage, EntityVitals, RegionSettings, RegionStats, Spread};
pub use supervisor::{ChildSpec, EscalationReason, Supervisor, SupervisorArgs, SupervisorHandle};
