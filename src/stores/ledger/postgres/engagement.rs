//! Likes and counters, each in one statement.

use super::transaction::{TransactionScope, stored_events};
use crate::ledger::{CounterWrites, EndedLikes, Scope, rows::*};
use tessera_domain::{
    PostId, Timestamp, UserId,
    counters::{
        Counts, ShardCounts,
        batch::{Batch, Counted},
    },
};
use tessera_ports::StoreResult;

/// The post's author, and one like that is gone unless there was none.
#[derive(sqlx_macros::FromRow)]
struct EndedRow {
    author_id: i64,
    user_id: Option<i64>,
    shard: Option<i32>,
    created_at: Option<i64>,
}

impl EndedRow {
    fn into_like(self) -> Option<(UserId, Counted)> {
        let counted = Counted { shard: shard(self.shard?), at: Timestamp(self.created_at?) };
        Some((UserId::from_i64(self.user_id?), counted))
    }
}

impl CounterWrites for TransactionScope {
    async fn insert_likes(
        &mut self,
        post_id: PostId,
        counted: Counted,
        users: &[UserId],
    ) -> StoreResult<Option<(UserId, Vec<UserId>)>> {
        // Positions in the order of the operations, rows in the order of the users: two batches that like for the same
        // users at once then wait for each other instead of in a circle.
        let insert = sql!(
            "WITH post AS MATERIALIZED (SELECT author_id FROM posts WHERE id = $1 FOR KEY SHARE),
             placed AS MATERIALIZED (
                 SELECT user_id, nextval('like_positions') AS position
                 FROM unnest($2) AS user_id WHERE EXISTS (TABLE post)),
             written AS (
                 INSERT INTO likes (post_id, user_id, position, shard, created_at)
                 SELECT $1, user_id, position, $3, $4 FROM placed ORDER BY user_id, position
                 ON CONFLICT DO NOTHING RETURNING user_id)
             SELECT post.author_id, ARRAY(SELECT user_id FROM written) AS written FROM post"
        );
        let insert = insert.bind(post_id).bind(users).bind(counted.shard).bind(counted.at);
        let row: Option<(i64, List<i64>)> = self.fetch_optional(insert).await?;
        let written = |ids: List<i64>| ids.0.into_iter().map(UserId::from_i64).collect();
        Ok(row.map(|(author_id, ids)| (UserId::from_i64(author_id), written(ids))))
    }

    async fn delete_likes(&mut self, post_id: PostId, users: &[UserId]) -> StoreResult<Option<(UserId, EndedLikes)>> {
        let delete = sql!(
            "WITH post AS MATERIALIZED (SELECT author_id FROM posts WHERE id = $1 FOR KEY SHARE),
             locked AS MATERIALIZED (
                 SELECT user_id FROM likes WHERE post_id = $1 AND user_id = ANY($2) AND EXISTS (TABLE post)
                 ORDER BY user_id FOR UPDATE),
             gone AS (
                 DELETE FROM likes WHERE post_id = $1 AND user_id = ANY(ARRAY(TABLE locked))
                 RETURNING user_id, shard, created_at)
             SELECT post.author_id, gone.user_id, gone.shard, gone.created_at FROM post LEFT JOIN gone ON true"
        );
        let rows: Vec<EndedRow> = self.fetch_all(delete.bind(post_id).bind(users)).await?;
        let author_id = rows.first().map(|row| UserId::from_i64(row.author_id));
        Ok(author_id.map(|author_id| (author_id, rows.into_iter().filter_map(EndedRow::into_like).collect())))
    }

    async fn move_counters(&mut self, batch: &Batch) -> StoreResult<(Vec<ShardCounts>, Counts)> {
        let write = sql!(
            "WITH moved AS (
                 INSERT INTO counters (post_id, shard, version, likes, comments)
                 SELECT $1, shard, 1, likes, comments FROM unnest($2, $3, $4) AS delta (shard, likes, comments)
                 ON CONFLICT (post_id, shard) DO UPDATE SET version = counters.version + 1,
                     likes = counters.likes + excluded.likes, comments = counters.comments + excluded.comments
                 RETURNING shard, version, likes, comments),
             hours AS (
                 INSERT INTO engagement_hours (hour, post_id, shard, engagements)
                 SELECT hour, $1, $7, engagements FROM unnest($5, $6) AS delta (hour, engagements)
                 ON CONFLICT (hour, post_id, shard) DO UPDATE
                 SET engagements = engagement_hours.engagements + excluded.engagements),
             told AS (INSERT INTO outbox (event) SELECT * FROM unnest($8))
             SELECT shard, version, likes, comments, true AS moved FROM moved
             UNION ALL SELECT shard, version, likes, comments, false FROM counters
             WHERE post_id = $1 AND shard <> ALL($2)"
        );
        let events = stored_events(batch.event().as_slice())?;
        self.wakes_outbox |= !events.is_empty();
        let write = write
            .bind(batch.post_id)
            .bind(batch.moved().map(|(shard, ..)| i64::from(shard)).collect::<Vec<_>>())
            .bind(batch.moved().map(|(_, likes, _)| likes).collect::<Vec<_>>())
            .bind(batch.moved().map(|(.., comments)| comments).collect::<Vec<_>>())
            .bind(batch.hours().map(|(hour, _)| hour.0).collect::<Vec<_>>())
            .bind(batch.hours().map(|(_, engagements)| engagements).collect::<Vec<_>>())
            .bind(batch.counted.shard)
            .bind(events);
        let all: Vec<(i32, i64, i64, i64, bool)> = self.fetch_all(write).await?;
        let totals = Counts {
            likes: unsigned(all.iter().map(|(_, _, likes, ..)| likes).sum()),
            comments: unsigned(all.iter().map(|(_, _, _, comments, _)| comments).sum()),
        };
        let moved = all.into_iter().filter(|(.., moved)| *moved);
        let rows = moved.map(|(shard, version, likes, comments, _)| shard_counts((shard, version, likes, comments)));
        Ok((rows.collect(), totals))
    }
}
