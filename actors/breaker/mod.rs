//! Circuit breakers before what may fail (docs/functions.md, section 10): one [`BreakerRef`] per dependency and node.
//!
//! ```text
//! caller ─► BreakerRef::call ─ open? ─────────► refused at once, the caller falls back
//!                            ├ no place left? ► refused at once
//!                            └ timed, cut off at its deadline, panics caught ─► the dependency
//! ```
//! The states are those of `tessera_domain::breaker`. Calls ask at its gate, one word that is read without a lock; an
//! actor for each breaker, in the tree's group `breakers`, owns everything that changes: it hears how calls ended from
//! a bounded queue, keeps the timers, takes operators' orders, and publishes the state at the gate.
//!
//! It supervises what stands behind it (its wards: the recommenders of people, the shards of the visual index). One
//! that hangs, panics or is flooded again and again is left behind, and the next message finds a new one. Where that
//! does not help the breaker opens, for longer and longer, and then all of its wards are restarted.
//!
//! [`Breakers`] holds all of a node, and `guarded` puts them before the ports that every caller shares.

mod actor;
mod breakers;
mod clock;
mod core;
mod fault;
mod guarded;
mod message;
mod sabotage;
mod shared;
mod stats;
#[cfg(test)]
mod tests;
mod under_way;
mod wards;

pub use breakers::{BreakerPolicy, Breakers};
pub use fault::{BreakerError, Fault};
pub use guarded::{GuardedCaches, GuardedObjects, ObjectsGuard};
pub use sabotage::Sabotage;
pub use shared::BreakerRef;
pub use stats::{BreakerReport, BreakerStats, WardRestart, WardRestarts};
pub use wards::Symptom;
pub(crate) use wards::WardComplaint;
