//! The ledger: the only truth. Everything else can be rebuilt from it.
//!
//! Guarantees that every method gives unless it says otherwise:
//! - A write that returned `Ok` is durable: it survives a crash of the process and of the machine.
//! - A write is one transaction: all of it or nothing, its outbox events included.
//! - A write whose error says [`crate::Determinacy::Unknown`] may have happened. All writes are
//!   idempotent by their ids, so they may be sent again.
//! - A read that starts after a write returned sees it.
//! - Lists are bounded by their `limit`, which callers keep at [`MAX_PAGE`] or below.

mod accounts;
mod ads;
mod discovery;
mod embeddings;
mod engagement;
mod graph;
mod maintenance;
mod notifications;
mod outbox;
mod posts;
mod replies;
mod tastes;
mod uploads;

pub use accounts::*;
pub use ads::*;
pub use discovery::*;
pub use embeddings::*;
pub use engagement::*;
pub use graph::*;
pub use maintenance::*;
pub use notifications::*;
pub use outbox::*;
pub use posts::*;
pub use replies::*;
pub use tastes::*;
pub use uploads::*;

use tokio::sync::Notify;

/// The most rows that one call may ask for.
pub const MAX_PAGE: usize = 1_000;
/// Backlogs are counted so far and no further, because counting takes time in proportion and is done every few seconds.
pub const MAX_COUNTED: usize = 100_000;

/// Wakes the workers that live on the ledger's queues, so that they need not poll often.
///
/// A wake is a hint: it may be missing after a crash, so workers also look now and then.
#[derive(Debug, Default)]
pub struct LedgerWakes {
    /// New outbox events were committed.
    pub outbox: Notify,
    /// New media jobs were committed.
    pub media_jobs: Notify,
}

/// All of the ledger.
pub trait Ledger:
    AccountLedger
    + ReplyLedger
    + GraphLedger
    + UploadLedger
    + PostLedger
    + EmbeddingLedger
    + EngagementLedger
    + NotificationLedger
    + OutboxLedger
    + AdLedger
    + DiscoveryLedger
    + TasteLedger
    + MaintenanceLedger
{
    /// Where this ledger announces new work.
    fn wakes(&self) -> &LedgerWakes;
}
