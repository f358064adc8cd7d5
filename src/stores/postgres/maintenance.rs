//! Checkpoints, health, and recreating what is derived.

use super::{
    PostgresLedger,
    errors::{refused, unavailable},
    schema::known_version,
};
use crate::recount;
use async_trait::async_trait;
use std::collections::BTreeMap;
use tessera_domain::{PostId, Timestamp, UserId, time::DAY_MS};
use tessera_ports::{Determinacy, StoreResult, ledger::MaintenanceLedger};

/// How many rows one purging transaction drops: others get their turn in between.
const PURGE_CHUNK: i64 = 1_000;
/// Hours of engagement stay this much longer than saved replies; no decayed window looks back further.
const KEEP_HOURS_MS: i64 = 30 * DAY_MS;
/// Quotas and impressions by day stay this many days longer; only today's are ever asked for.
const KEEP_DAYS: i64 = 2;

/// Deletes the rows of a table whose time lies before `$1`, at most `$2` of them. By their places, because an array of
/// places is all that a plan made for any limit reads.
macro_rules! purge {
    ($table:literal, $time:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT ctid FROM ",
            $table,
            " WHERE ",
            $time,
            " < $1 LIMIT $2))"
        )
    };
}

#[async_trait]
impl MaintenanceLedger for PostgresLedger {
    async fn timeline_checkpoint(&self, user_id: UserId) -> StoreResult<Option<Vec<u8>>> {
        let query = sqlx::query_as("SELECT checkpoint FROM timeline_checkpoints WHERE user_id = $1");
        let row: Option<(Vec<u8>,)> = self.fetch_optional(query.bind(user_id.to_i64())).await?;
        Ok(row.map(|(checkpoint,)| checkpoint))
    }

    async fn put_timeline_checkpoints(&self, checkpoints: &[(UserId, Vec<u8>)]) -> StoreResult<()> {
        // A statement may touch no row twice; of two for one user the later one stays.
        let by_user: BTreeMap<i64, &[u8]> =
            checkpoints.iter().map(|(user_id, checkpoint)| (user_id.to_i64(), &checkpoint[..])).collect();
        let (users, checkpoints): (Vec<i64>, Vec<&[u8]>) = by_user.into_iter().unzip();
        let upsert = sqlx::query(
            "INSERT INTO timeline_checkpoints (user_id, checkpoint) SELECT * FROM unnest($1::bigint[], $2::bytea[])
             ON CONFLICT (user_id) DO UPDATE SET checkpoint = excluded.checkpoint",
        );
        self.requests.execute(upsert.bind(users).bind(checkpoints)).await.map(|_| ())
    }

    async fn id_floor(&self) -> StoreResult<Timestamp> {
        let query = sqlx::query_as(
            "SELECT greatest((SELECT max(id) FROM users), (SELECT max(id) FROM posts), (SELECT max(id) FROM comments),
                             (SELECT max(id) FROM notifications), (SELECT max(id) FROM ads),
                             (SELECT id FROM deleted_id_watermark))",
        );
        let row: Option<(i64,)> = self.fetch_optional(query).await?;
        Ok(PostId::from_i64(row.map_or(0, |(id,)| id)).created_at())
    }

    async fn rebuild_counters(&self) -> StoreResult<u64> {
        recount::rebuild(self).await
    }

    async fn purge_expired(&self, before: Timestamp) -> StoreResult<u64> {
        self.purge(purge!("engagement_hours", "hour"), before.0 - KEEP_HOURS_MS).await?;
        self.purge(purge!("upload_quota", "day"), before.utc_day() - KEEP_DAYS).await?;
        self.purge(purge!("ad_impressions", "day"), before.utc_day() - KEEP_DAYS).await?;
        let replies = self.purge(purge!("saved_replies", "created_at"), before.0).await?;
        Ok(replies + self.purge(purge!("sessions", "expires_at"), before.0).await?)
    }

    async fn check(&self) -> StoreResult<()> {
        let query = sqlx::query_as(
            "SELECT (SELECT max(version) FROM _sqlx_migrations WHERE success),
                    current_setting('transaction_read_only') = 'on'",
        );
        let (version, read_only): (Option<i64>, bool) = self.fetch_optional(query).await?.unwrap_or_default();
        let needed = known_version();
        // A newer one is well: a newer node has joined while this one still serves.
        if version.unwrap_or(0) < needed {
            return Err(refused(format!("the schema has version {version:?}, this program needs {needed}")));
        }
        if read_only {
            return Err(unavailable(Determinacy::NotDone, "the server takes no writes (is it a replica?)"));
        }
        Ok(())
    }

    async fn close(&self) {
        self.database.stop.cancel();
        tokio::join!(self.requests.close(), self.background.close(), self.database.members.close());
    }
}

impl PostgresLedger {
    /// Runs a chunked deletion of what is older than `before` to its end; returns how many rows went.
    async fn purge(&self, statement: &'static str, before: i64) -> StoreResult<u64> {
        let mut purged = 0;
        loop {
            let chunk = self.background.execute(sqlx::query(statement).bind(before).bind(PURGE_CHUNK)).await?;
            purged += chunk;
            if chunk < PURGE_CHUNK as u64 {
                return Ok(purged);
            }
        }
    }
}
