//! Upkeep of the ledger: uploads that were never completed, what deleted posts left behind, replies and sessions that
//! nobody needs any more.
//!
//! One actor per node on a timer. Several nodes may run it at once: each sweep is one idempotent transaction, and so is
//! each step of a purge.

mod actor;
mod core;
mod message;
mod purge;
#[cfg(test)]
mod tests;

pub use actor::{Upkeep, UpkeepArgs, UpkeepSettings};
pub use message::UpkeepMessage;
pub use purge::{PURGE_ROWS, purge_deleted_posts};
