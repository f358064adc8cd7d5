//! Who is to hear of new work: this node's workers at once, the other nodes of what was not taken up here.
//!
//! A `NOTIFY` inside a writing transaction takes a lock that all such transactions wait for at their commit. So a
//! commit wakes its own node at once, in memory, and the others hear of it a moment later, at most once per
//! [`INTERVAL`] and only where something is still waiting: an event that its own node's relay took up within that time
//! wakes nobody else for nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_ports::ledger::LedgerWakes;
use tokio::sync::Notify;

/// The channel on which nodes tell each other of events. The payload is the sender.
pub(super) const OUTBOX_CHANNEL: &str = "tessera_outbox";
/// The channel on which nodes tell each other of media jobs. The payload is the sender.
pub(super) const MEDIA_JOBS_CHANNEL: &str = "tessera_media_jobs";

/// The time for which what was committed is left to its own node, and the least time between two announcements.
const INTERVAL: Duration = Duration::from_millis(20);

/// Wakes this node's workers and tells the other nodes.
#[derive(Debug, Clone)]
pub struct Announcer {
    wakes: Arc<LedgerWakes>,
    pending: Arc<Pending>,
    origin: Arc<str>,
}

#[derive(Debug, Default)]
struct Pending {
    outbox: AtomicBool,
    media_jobs: AtomicBool,
    any: Notify,
}

impl Announcer {
    pub fn new(wakes: Arc<LedgerWakes>) -> Self {
        Self { wakes, pending: Arc::default(), origin: format!("{:016x}", rand::random::<u64>()).into() }
    }

    /// What this ledger's announcements carry, so that its own listener knows them.
    pub fn origin(&self) -> String {
        self.origin.to_string()
    }

    /// There is new work, committed.
    pub fn announce(&self, outbox: bool, media_jobs: bool) {
        if outbox {
            self.wakes.outbox.notify_one();
            self.pending.outbox.store(true, Ordering::Release);
        }
        if media_jobs {
            self.wakes.media_jobs.notify_one();
            self.pending.media_jobs.store(true, Ordering::Release);
        }
        if outbox || media_jobs {
            self.pending.any.notify_one();
        }
    }

    /// Waits until there is something to tell the others; says whether that is of events, and of media jobs.
    pub async fn next(&self) -> (bool, bool) {
        self.pending.any.notified().await;
        tokio::time::sleep(INTERVAL).await;
        (self.pending.outbox.swap(false, Ordering::Acquire), self.pending.media_jobs.swap(false, Ordering::Acquire))
    }
}
