//! Counting anew: a snapshot is a transaction on one of the readers.

use super::{
    SqliteLedger,
    errors::{refused, statement_error},
    rows::*,
    writer::WriteScope,
};
use crate::recount::{Correction, CountedRow, Part, Recounted, Snapshot, WalkedRow};
use sqlx::{Sqlite, Transaction};
use tessera_ports::StoreResult;

impl Snapshot for Transaction<'static, Sqlite> {
    async fn owners(&mut self, part: Part, after: i64, most: usize) -> StoreResult<Vec<i64>> {
        let query = sqlx::query_scalar(part.owners()).bind(after).bind(limit(most));
        query.fetch_all(&mut **self).await.map_err(statement_error)
    }

    async fn walk(&mut self, walk: &'static str, behind: (i64, i64), last: i64) -> StoreResult<Vec<WalkedRow>> {
        let query = sqlx::query_as(walk).bind(behind.0).bind(behind.1).bind(last);
        query.fetch_all(&mut **self).await.map_err(statement_error)
    }

    async fn counted(&mut self, part: Part, after: i64, last: i64) -> StoreResult<Vec<CountedRow>> {
        let query = sqlx::query_as(part.counted()).bind(after).bind(last);
        query.fetch_all(&mut **self).await.map_err(statement_error)
    }
}

impl Recounted for SqliteLedger {
    type Snapshot = Transaction<'static, Sqlite>;

    async fn begin(&self) -> StoreResult<i64> {
        self.write(|scope| {
            Box::pin(async {
                let next = sqlx::query_as("UPDATE counter_rebuilds SET number = number + 1 RETURNING number");
                let (number,) = scope.fetch_one(next).await?;
                Ok(number)
            })
        })
        .await
    }

    async fn snapshot(&self) -> StoreResult<Self::Snapshot> {
        self.requests.readers.begin().await.map_err(statement_error)
    }

    async fn correct(&self, rebuild: i64, part: Part, corrections: Vec<Correction>) -> StoreResult<u64> {
        self.write(move |scope| Box::pin(correct(scope, rebuild, part, corrections))).await
    }
}

async fn correct(scope: &mut WriteScope, rebuild: i64, part: Part, corrections: Vec<Correction>) -> StoreResult<u64> {
    let current = sqlx::query_scalar("SELECT count(*) FROM counter_rebuilds WHERE number = ?1").bind(rebuild);
    if scope.count(current).await? == 0 {
        return Err(refused("another rebuild of the counters has begun; it goes on in place of this one"));
    }
    let mut moved = 0;
    for Correction { owner, shard, by: [one, two, three] } in corrections {
        let correct = match part {
            Part::Posts => sqlx::query(
                "INSERT INTO counters (post_id, shard, version, likes, comments)
                 SELECT id, ?2, 1, ?3, ?4 FROM posts WHERE id = ?1
                 ON CONFLICT (post_id, shard) DO UPDATE SET version = version + 1,
                 likes = likes + excluded.likes, comments = comments + excluded.comments",
            ),
            Part::Accounts => sqlx::query(
                "UPDATE users SET post_count = post_count + ?3, follower_count = follower_count + ?4,
                 following_count = following_count + ?5 WHERE id = ?1 AND ?2 = 0",
            ),
        };
        let correct = correct.bind(owner).bind(shard).bind(one).bind(two);
        moved += scope.execute(if part == Part::Accounts { correct.bind(three) } else { correct }).await?;
    }
    Ok(moved)
}
