//! Checkpoints, health, and recreating what is derived.

use super::{BytesWrites, Dialect, Pool, SqlLedger, Statement, recount};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tessera_domain::{PostId, Timestamp, UserId, time::DAY_MS};
use tessera_ports::{StoreResult, ledger::MaintenanceLedger};

/// How many rows one purging transaction drops: others get their turn in between.
const PURGE_CHUNK: u64 = 1_000;
/// Hours of engagement stay this much longer than saved replies; no decayed window looks back further.
const KEEP_HOURS_MS: i64 = 30 * DAY_MS;
/// Quotas and impressions by day stay this many days longer; only today's are ever asked for.
const KEEP_DAYS: i64 = 2;

/// Deletes the rows of a table whose time lies before `$1`, at most `$2` of them. In Postgres by their places,
/// because an array of places is all that a plan made for any limit reads.
macro_rules! purge {
    ($table:literal by $key:literal before $time:literal) => {
        sql!(
            "DELETE FROM " $table " WHERE "
            {sqlite: "(", postgres: "ctid = ANY(ARRAY(SELECT ctid"}
            {sqlite: $key, postgres: ""} {sqlite: ") IN (SELECT ", postgres: ""} {sqlite: $key, postgres: ""}
            " FROM " $table " WHERE " $time " < $1 LIMIT $2" {sqlite: ")", postgres: "))"}
        )
    };
}

#[async_trait]
impl<D: Dialect> MaintenanceLedger for SqlLedger<D> {
    async fn timeline_checkpoint(&self, user_id: UserId) -> StoreResult<Option<Vec<u8>>> {
        let query = sql!("SELECT checkpoint FROM timeline_checkpoints WHERE user_id = $1");
        self.requests.fetch_optional(query.bind(user_id), |(checkpoint,): (Vec<u8>,)| checkpoint).await
    }

    async fn put_timeline_checkpoints(&self, checkpoints: &[(UserId, Vec<u8>)]) -> StoreResult<()> {
        // A statement may touch no row twice; of two for one user the later one stays.
        let by_user: BTreeMap<UserId, Vec<u8>> = checkpoints.iter().cloned().collect();
        self.requests.transact(by_user, |scope, by_user| Box::pin(scope.put_timeline_checkpoints(by_user))).await
    }

    async fn id_floor(&self) -> StoreResult<Timestamp> {
        let query = sql!(
            "SELECT " [greatest] "(
                 coalesce((SELECT max(id) FROM users), 0), coalesce((SELECT max(id) FROM posts), 0),
                 coalesce((SELECT max(id) FROM comments), 0), coalesce((SELECT max(id) FROM notifications), 0),
                 coalesce((SELECT max(id) FROM ads), 0), (SELECT id FROM deleted_id_watermark))"
        );
        let floor = self.requests.fetch_optional(query, |(id,): (i64,)| id).await?;
        Ok(PostId::from_i64(floor.unwrap_or(0)).created_at())
    }

    async fn rebuild_counters(&self) -> StoreResult<u64> {
        recount::rebuild(self).await
    }

    async fn purge_expired(&self, before: Timestamp) -> StoreResult<u64> {
        let hours = purge!("engagement_hours" by "hour, post_id" before "hour");
        let quotas = purge!("upload_quota" by "user_id, day" before "day");
        let impressions = purge!("ad_impressions" by "user_id, day, ad_id" before "day");
        let replies = purge!("saved_replies" by "scope, idempotency_key" before "created_at");
        let sessions = purge!("sessions" by "token_hash" before "expires_at");
        self.purge(hours, before.0 - KEEP_HOURS_MS).await?;
        self.purge(quotas, before.utc_day() - KEEP_DAYS).await?;
        self.purge(impressions, before.utc_day() - KEEP_DAYS).await?;
        Ok(self.purge(replies, before.0).await? + self.purge(sessions, before.0).await?)
    }

    async fn check(&self) -> StoreResult<()> {
        D::check(&self.requests).await
    }

    async fn close(&self) {
        self.database.close(&self.requests, &self.background).await;
    }
}

impl<D: Dialect> SqlLedger<D> {
    /// Runs a chunked deletion of what is older than `before` to its end; returns how many rows went.
    async fn purge(&self, statement: Statement, before: i64) -> StoreResult<u64> {
        let statement = statement.bind(before).bind(PURGE_CHUNK as i64);
        let mut purged = 0;
        loop {
            let chunk = self.background.execute(statement.clone()).await?;
            purged += chunk;
            if chunk < PURGE_CHUNK {
                return Ok(purged);
            }
        }
    }
}
