//! Counting anew: a snapshot is a transaction at the level repeatable read.

use super::{
    PostgresLedger,
    errors::{refused, unavailable},
    rows::*,
    transaction::Scope,
};
use crate::recount::{Correction, CountedRow, Part, Recounted, Snapshot, WalkedRow};
use sqlx::{
    FromRow, Postgres,
    postgres::{PgArguments, PgRow},
    query::QueryAs,
};
use std::time::Duration;
use tessera_ports::{Determinacy, StoreResult};

/// A transaction that reads one moment, and how long a statement of it may take.
pub(crate) struct OneMoment {
    scope: Scope,
    statement_limit: Duration,
}

impl OneMoment {
    async fn fetch_all<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> StoreResult<Vec<R>>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        tokio::time::timeout(self.statement_limit, self.scope.fetch_all(query))
            .await
            .unwrap_or_else(|_| Err(unavailable(Determinacy::NotDone, "the server did not answer in time")))
    }
}

impl Snapshot for OneMoment {
    async fn owners(&mut self, part: Part, after: i64, most: usize) -> StoreResult<Vec<i64>> {
        let rows: Vec<(i64,)> = self.fetch_all(sqlx::query_as(part.owners()).bind(after).bind(limit(most))).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    async fn walk(&mut self, walk: &'static str, behind: (i64, i64), last: i64) -> StoreResult<Vec<WalkedRow>> {
        self.fetch_all(sqlx::query_as(walk).bind(behind.0).bind(behind.1).bind(last)).await
    }

    async fn counted(&mut self, part: Part, after: i64, last: i64) -> StoreResult<Vec<CountedRow>> {
        self.fetch_all(sqlx::query_as(part.counted()).bind(after).bind(last)).await
    }
}

impl Recounted for PostgresLedger {
    type Snapshot = OneMoment;

    async fn begin(&self) -> StoreResult<i64> {
        self.transact(&self.background, (), |scope, ()| {
            Box::pin(async {
                let next = sqlx::query_as("UPDATE counter_rebuilds SET number = number + 1 RETURNING number");
                let (number,) = scope.fetch_one(next).await?;
                Ok(number)
            })
        })
        .await
    }

    async fn snapshot(&self) -> StoreResult<OneMoment> {
        let mut scope = self.begin_snapshot(&self.background).await?;
        // A walk is bounded only where it reads an index in its order.
        let planned = scope.control("SET LOCAL enable_sort = off; SET LOCAL plan_cache_mode = force_custom_plan").await;
        scope.noting(planned)?;
        Ok(OneMoment { scope, statement_limit: self.background.operation_timeout() })
    }

    async fn correct(&self, rebuild: i64, part: Part, corrections: Vec<Correction>) -> StoreResult<u64> {
        self.transact(&self.background, (rebuild, part, corrections), |scope, (rebuild, part, corrections)| {
            Box::pin(correct(scope, *rebuild, *part, corrections))
        })
        .await
    }
}

async fn correct(scope: &mut Scope, rebuild: i64, part: Part, corrections: &[Correction]) -> StoreResult<u64> {
    // Held to the commit: the next rebuild begins after it, and measures what this has left.
    let current = sqlx::query_as("SELECT number FROM counter_rebuilds WHERE number = $1 FOR SHARE");
    let current: Option<(i64,)> = scope.fetch_optional(current.bind(rebuild)).await?;
    if current.is_none() {
        return Err(refused("another rebuild of the counters has begun; it goes on in place of this one"));
    }
    let correct = match part {
        Part::Posts => sqlx::query(
            "WITH existing AS MATERIALIZED (
                 SELECT id FROM posts WHERE id = ANY($1) ORDER BY id FOR KEY SHARE)
             INSERT INTO counters AS old (post_id, shard, version, likes, comments)
             SELECT existing.id, delta.shard, 1, delta.likes, delta.comments
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                 AS delta (post_id, shard, likes, comments) JOIN existing ON existing.id = delta.post_id
             ORDER BY existing.id, delta.shard
             ON CONFLICT (post_id, shard) DO UPDATE SET version = old.version + 1,
                 likes = old.likes + excluded.likes, comments = old.comments + excluded.comments",
        ),
        Part::Accounts => sqlx::query(
            "WITH existing AS MATERIALIZED (
                 SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
             UPDATE users SET post_count = post_count + delta.posts, follower_count = follower_count + delta.followers,
                 following_count = following_count + delta.following
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                 AS delta (id, shard, posts, followers, following) JOIN existing ON existing.id = delta.id
             WHERE users.id = delta.id AND delta.shard = 0",
        ),
    };
    let column = |place: usize| corrections.iter().map(|one| one.by[place]).collect::<Vec<_>>();
    let correct = correct
        .bind(corrections.iter().map(|one| one.owner).collect::<Vec<_>>())
        .bind(corrections.iter().map(|one| one.shard).collect::<Vec<_>>())
        .bind(column(0))
        .bind(column(1));
    scope.execute(if part == Part::Accounts { correct.bind(column(2)) } else { correct }).await
}
