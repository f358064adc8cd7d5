//! Upkeep of the ledger: uploads that were never completed, replies and sessions that nobody needs any more.
//!
//! One actor per node on a timer. Several nodes may run it at once: each sweep is one idempotent transaction.

mod actor;
mod core;
mod message;
#[cfg(test)]
mod tests;

pub use actor::{Upkeep, UpkeepArgs, UpkeepSettings};
pub use message::UpkeepMessage;
