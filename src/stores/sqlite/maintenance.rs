//! Checkpoints, health, and recreating what is derived.

use super::{MIGRATIONS, SqliteLedger, errors::refused};
use crate::recount;
use async_trait::async_trait;
use tessera_domain::{PostId, Timestamp, UserId, time::DAY_MS};
use tessera_ports::{StoreResult, ledger::MaintenanceLedger};

/// How many rows one purging transaction drops: other writes get their turn in between.
const PURGE_CHUNK: i64 = 5_000;
/// Hours of engagement stay this much longer than saved replies; no decayed window looks back further.
const KEEP_HOURS_MS: i64 = 30 * DAY_MS;
/// Quotas and impressions by day stay this many days longer; only today's are ever asked for.
const KEEP_DAYS: i64 = 2;

#[async_trait]
impl MaintenanceLedger for SqliteLedger {
    async fn timeline_checkpoint(&self, user_id: UserId) -> StoreResult<Option<Vec<u8>>> {
        let query = sqlx::query_as("SELECT checkpoint FROM timeline_checkpoints WHERE user_id = ?1");
        let row: Option<(Vec<u8>,)> = self.fetch_optional(query.bind(user_id.to_i64())).await?;
        Ok(row.map(|(checkpoint,)| checkpoint))
    }

    async fn put_timeline_checkpoints(&self, checkpoints: &[(UserId, Vec<u8>)]) -> StoreResult<()> {
        let checkpoints = checkpoints.to_vec();
        self.write(move |scope| {
            Box::pin(async move {
                for (user_id, checkpoint) in &checkpoints {
                    let upsert = sqlx::query(
                        "INSERT INTO timeline_checkpoints (user_id, checkpoint) VALUES (?1, ?2)
                         ON CONFLICT (user_id) DO UPDATE SET checkpoint = excluded.checkpoint",
                    );
                    scope.execute(upsert.bind(user_id.to_i64()).bind(checkpoint)).await?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn id_floor(&self) -> StoreResult<Timestamp> {
        let query = sqlx::query_scalar(
            "SELECT max(coalesce((SELECT max(id) FROM users), 0), coalesce((SELECT max(id) FROM posts), 0),
                        coalesce((SELECT max(id) FROM comments), 0), coalesce((SELECT max(id) FROM notifications), 0),
                        coalesce((SELECT max(id) FROM ads), 0), (SELECT id FROM deleted_id_watermark))",
        );
        Ok(PostId::from_i64(self.count(query).await?).created_at())
    }

    async fn rebuild_counters(&self) -> StoreResult<u64> {
        recount::rebuild(self).await
    }

    async fn purge_expired(&self, before: Timestamp) -> StoreResult<u64> {
        let replies = "DELETE FROM saved_replies WHERE rowid IN (
                           SELECT rowid FROM saved_replies WHERE created_at < ?1 LIMIT ?2)";
        let sessions = "DELETE FROM sessions WHERE token_hash IN (
                            SELECT token_hash FROM sessions WHERE expires_at < ?1 LIMIT ?2)";
        let hours = "DELETE FROM engagement_hours WHERE (hour, post_id) IN (
                         SELECT hour, post_id FROM engagement_hours WHERE hour < ?1 LIMIT ?2)";
        let quotas = "DELETE FROM upload_quota WHERE (user_id, day) IN (
                          SELECT user_id, day FROM upload_quota WHERE day < ?1 LIMIT ?2)";
        let impressions = "DELETE FROM ad_impressions WHERE (user_id, day, ad_id) IN (
                               SELECT user_id, day, ad_id FROM ad_impressions WHERE day < ?1 LIMIT ?2)";
        self.purge(hours, before.0 - KEEP_HOURS_MS).await?;
        self.purge(quotas, before.utc_day() - KEEP_DAYS).await?;
        self.purge(impressions, before.utc_day() - KEEP_DAYS).await?;
        Ok(self.purge(replies, before.0).await? + self.purge(sessions, before.0).await?)
    }

    async fn check(&self) -> StoreResult<()> {
        let query = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success");
        let version = self.count(query).await?;
        let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if version != needed {
            return Err(refused(format!("the schema has version {version}, this program needs {needed}")));
        }
        // An empty transaction: the writer lives and the file can be locked for writing.
        self.write(|_| Box::pin(async { Ok(()) })).await
    }

    async fn close(&self) {
        self.requests.writer.close().await;
    }
}

impl SqliteLedger {
    /// Runs a chunked deletion of what is older than `before` to its end; returns how many rows went.
    async fn purge(&self, statement: &'static str, before: i64) -> StoreResult<u64> {
        let mut purged = 0;
        loop {
            let chunk = self
                .write(move |scope| Box::pin(scope.execute(sqlx::query(statement).bind(before).bind(PURGE_CHUNK))))
                .await?;
            purged += chunk;
            if chunk < PURGE_CHUNK as u64 {
                return Ok(purged);
            }
        }
    }
}
