//! Hears what other nodes announce: new work, and changes of the membership.
//!
//! Whatever was announced while there was no connection is lost, so after each new one everybody is woken.

use super::announcer::{MEDIA_JOBS_CHANNEL, OUTBOX_CHANNEL};
use sqlx::{
    Executor,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use std::{sync::Arc, time::Duration};
use tessera_ports::{back_off::BackOff, ledger::LedgerWakes};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// The channel on which every change of the membership is told. The payload is the view.
pub(super) const MEMBERS_CHANNEL: &str = "tessera_members";

/// A connection that was silent for so long is tested.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// How long connecting, or the answer to a test, may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// The pauses between attempts to connect.
const RECONNECT: BackOff = BackOff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Starts the task that listens.
pub(super) fn start(
    connect: PgConnectOptions,
    origin: String,
    wakes: Arc<LedgerWakes>,
    members_changed: Arc<Notify>,
    stop: CancellationToken,
) {
    let ears = Ears { origin, wakes, members_changed };
    tokio::spawn(stop.run_until_cancelled_owned(async move {
        let mut failures = 0_u32;
        loop {
            match listen(&connect, &ears, &mut failures).await {
                Ok(()) => tracing::debug!("the listener lost its connection"),
                Err(error) => tracing::debug!(%error, "the listener has no connection"),
            }
            failures = failures.saturating_add(1);
            tokio::time::sleep(RECONNECT.pause(failures)).await;
        }
    }));
}

struct Ears {
    origin: String,
    wakes: Arc<LedgerWakes>,
    members_changed: Arc<Notify>,
}

impl Ears {
    fn hear(&self, channel: &str, payload: &str) {
        match channel {
            // One's own workers were woken at the commit.
            OUTBOX_CHANNEL if payload != self.origin => self.wakes.outbox.notify_one(),
            MEDIA_JOBS_CHANNEL if payload != self.origin => self.wakes.media_jobs.notify_one(),
            MEMBERS_CHANNEL => self.members_changed.notify_one(),
            _ => {}
        }
    }

    fn hear_everything(&self) {
        self.wakes.outbox.notify_one();
        self.wakes.media_jobs.notify_one();
        self.members_changed.notify_one();
    }
}

/// Listens on one connection until it is lost.
async fn listen(connect: &PgConnectOptions, ears: &Ears, failures: &mut u32) -> sqlx::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER_LIMIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(connect.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen_all([OUTBOX_CHANNEL, MEDIA_JOBS_CHANNEL, MEMBERS_CHANNEL]).await?;
    *failures = 0;
    ears.hear_everything();
    loop {
        match timeout(PROBE_INTERVAL, listener.try_recv()).await {
            Ok(Ok(Some(note))) => ears.hear(note.channel(), note.payload()),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let probe = timeout(ANSWER_LIMIT, listener.execute("SELECT 1")).await;
                probe.map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
    }
}
