//! The inbox of one user: signals ("ada liked your post") gathered and made durable together.
//!
//! The ledger coalesces signals into notifications and ignores those it has; the inbox only spares a popular
//! author one commit per like.

mod actor;
mod core;
pub(crate) mod requests;
#[cfg(test)]
mod tests;

pub use actor::{InboxActor, InboxArgs, InboxSettings};

use self::requests::Record;
use crate::{ActorError, UserKey, restart};
use std::time::Duration;
use tessera_cluster::{Deadline, Region, RegionSettings};
use tessera_domain::{UserId, notification::Signal};

/// Limits for the region of inboxes.
pub fn region_settings() -> RegionSettings {
    restart::region(1_024, Duration::from_secs(10), 64 * 1024 * 1024)
}

/// All inboxes. Cheap to clone.
#[derive(Clone)]
pub struct InboxRef(Region<InboxActor>);

impl InboxRef {
    /// The inboxes that live in `region`.
    pub fn new(region: Region<InboxActor>) -> Self {
        region.serve_all();
        Self(region)
    }

    /// Adds signals to a user's inbox and answers once they are durable. No signals are no work.
    ///
    /// # Errors
    /// `Overloaded` where too much waits: nothing happened. After any other error they may be recorded.
    /// Recording is idempotent: send them again.
    pub async fn record(&self, user_id: UserId, signals: Vec<Signal>, deadline: Deadline) -> Result<(), ActorError> {
        if signals.is_empty() {
            return Ok(());
        }
        self.0.call(UserKey(user_id), deadline, Record(signals)).await?
    }

    /// The region, for the tree: sweeping, draining, what it is doing.
    pub fn region(&self) -> &Region<InboxActor> {
        &self.0
    }
}
