//! Routing: who owns which shard, and how a call gets there.
//!
//! - [`shard_map`]: which node owns which of the 1,024 shards (rendezvous hashing, with an epoch); [`view`]: the
//!   cluster as of one membership view; [`placement`]: what this node believes of it now, and which shards are still on
//!   their way.
//! - [`call`], [`deadline`], [`error`]: what can be asked, until when, and how that fails.
//! - [`node`]: this node among the others; [`standing`]: how sure it is to be one of them; [`hand_over`]: shards that
//!   move.
//! - [`retry`]: when a call that failed is made again. [`node_service`]: what every node is asked.
//! - [`transport`] and [`wire`]: what carries requests between nodes, and how they become bytes.

pub mod call;
pub mod deadline;
pub mod error;
pub mod hand_over;
pub mod node;
pub mod node_service;
pub mod placement;
mod retry;
pub mod shard_map;
pub mod shard_set;
mod standing;
pub mod transport;
pub mod view;
pub mod wire;
