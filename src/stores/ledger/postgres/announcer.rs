//! Tells the other nodes of work that this one did not take up itself.
//!
//! A `NOTIFY` inside a writing transaction takes a lock that all such transactions wait for at their commit. So a
//! commit wakes its own node at once, in memory, and the others hear of it a moment later, at most once per
//! [`INTERVAL`] and only where something is still waiting: an event that its own node's relay took up within that time
//! wakes nobody else for nothing.

use super::pool::ConnectionPool;
use crate::ledger::{Pool, Statement};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_ports::ledger::LedgerWakes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The channel on which nodes tell each other of events. The payload is the sender.
pub(super) const OUTBOX_CHANNEL: &str = "tessera_outbox";
/// The channel on which nodes tell each other of media jobs. The payload is the sender.
pub(super) const MEDIA_JOBS_CHANNEL: &str = "tessera_media_jobs";

/// The time for which what was committed is left to its own node, and the least time between two announcements.
const INTERVAL: Duration = Duration::from_millis(20);

/// Work is waiting if it is due by the server's clock. Losing this with a crash loses a hint, so it need not be synced.
const ANNOUNCE: &str = "WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
     waiting AS (
         SELECT $1 AS channel FROM quick WHERE $2 AND EXISTS (
             SELECT 1 FROM outbox WHERE NOT is_dead AND due_at <= extract(epoch FROM clock_timestamp()) * 1000)
         UNION ALL
         SELECT $3 FROM quick WHERE $4 AND EXISTS (
             SELECT 1 FROM media_jobs WHERE state = 'queued'
             AND due_at <= extract(epoch FROM clock_timestamp()) * 1000))
     SELECT note FROM waiting, LATERAL pg_notify(channel, $5) AS note";

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

    /// Starts the task that tells the others, over a connection of `pool`.
    pub fn start(&self, pool: Arc<ConnectionPool>, stop: CancellationToken) {
        tokio::spawn(stop.run_until_cancelled_owned(tell_others(pool, self.clone())));
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
}

async fn tell_others(pool: Arc<ConnectionPool>, announcer: Announcer) {
    let Announcer { pending, origin, .. } = announcer;
    loop {
        pending.any.notified().await;
        tokio::time::sleep(INTERVAL).await;
        let outbox = pending.outbox.swap(false, Ordering::Acquire);
        let media_jobs = pending.media_jobs.swap(false, Ordering::Acquire);
        let query = Statement::of(ANNOUNCE)
            .bind(OUTBOX_CHANNEL)
            .bind(outbox)
            .bind(MEDIA_JOBS_CHANNEL)
            .bind(media_jobs)
            .bind(&*origin);
        // Only a hint: everybody also looks now and then.
        if let Err(error) = pool.execute(query).await {
            tracing::debug!(%error, "the other nodes were not told of new work");
        }
    }
}
