//! The outbox relay: hands committed events to whom they concern, at least once.
//!
//! Events are claimed in order under a lease, handled side by side (those of one author's fan-out keep
//! their order in its lane), and acknowledged only after every effect took place. Handlers are idempotent and
//! ask the ledger for what may have changed since, so late and repeated events do no harm.

mod actor;
mod handler;
#[cfg(test)]
mod tests;

pub use actor::{OutboxRelay, RelayArgs, RelayHandle};
pub use handler::EventHandler;
