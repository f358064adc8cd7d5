//! Tells the other nodes what the [`Announcer`] holds for them.

use super::{
    announcer::{Announcer, MEDIA_JOBS_CHANNEL, OUTBOX_CHANNEL},
    pool::ConnectionPool,
};
use crate::ledger::{Pool, Statement};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

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

/// Starts the task that tells the others, over a connection of `pool`.
pub fn start(announcer: Announcer, pool: Arc<ConnectionPool>, stop: CancellationToken) {
    tokio::spawn(stop.run_until_cancelled_owned(tell_others(pool, announcer)));
}

async fn tell_others(pool: Arc<ConnectionPool>, announcer: Announcer) {
    let origin = announcer.origin();
    loop {
        let (outbox, media_jobs) = announcer.next().await;
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
