//! Likes and counters, statement by statement.

use super::writer::WriteScope;
use crate::ledger::{CounterWrites, EndedLikes, Scope, engagement::lock_post, rows::*};
use tessera_domain::{
    PostId, Timestamp, UserId,
    counters::{
        Counts, ShardCounts,
        batch::{Batch, Counted},
    },
};
use tessera_ports::StoreResult;

impl CounterWrites for WriteScope {
    async fn insert_likes(
        &mut self,
        post_id: PostId,
        counted: Counted,
        users: &[UserId],
    ) -> StoreResult<Option<(UserId, Vec<UserId>)>> {
        let Some(author_id) = lock_post(self, post_id).await? else { return Ok(None) };
        let insert = sql!(
            "INSERT INTO likes (post_id, user_id, position, shard, created_at)
             SELECT $1, value, (SELECT coalesce(max(position), 0) FROM likes WHERE post_id = $1) + 1 + key, $3, $4
             FROM json_each($2) WHERE true
             ON CONFLICT DO NOTHING RETURNING user_id"
        );
        let insert = insert.bind(post_id).bind(users).bind(counted.shard).bind(counted.at);
        let written: Vec<(i64,)> = self.fetch_all(insert).await?;
        Ok(Some((author_id, written.into_iter().map(user_id).collect())))
    }

    async fn delete_likes(&mut self, post_id: PostId, users: &[UserId]) -> StoreResult<Option<(UserId, EndedLikes)>> {
        let Some(author_id) = lock_post(self, post_id).await? else { return Ok(None) };
        let delete = sql!(
            "DELETE FROM likes WHERE post_id = $1 AND user_id IN (SELECT value FROM json_each($2))
             RETURNING user_id, shard, created_at"
        );
        let ended: Vec<(i64, i32, i64)> = self.fetch_all(delete.bind(post_id).bind(users)).await?;
        let like =
            |(id, shard_column, at)| (UserId::from_i64(id), Counted { shard: shard(shard_column), at: Timestamp(at) });
        Ok(Some((author_id, ended.into_iter().map(like).collect())))
    }

    async fn move_counters(&mut self, batch: &Batch) -> StoreResult<(Vec<ShardCounts>, Counts)> {
        let mut rows = Vec::new();
        for (shard, likes, comments) in batch.moved() {
            let upsert = sql!(
                "INSERT INTO counters (post_id, shard, version, likes, comments) VALUES ($1, $2, 1, $3, $4)
                 ON CONFLICT (post_id, shard) DO UPDATE SET version = version + 1,
                     likes = likes + excluded.likes, comments = comments + excluded.comments
                 RETURNING shard, version, likes, comments"
            );
            let upsert = upsert.bind(batch.post_id).bind(shard).bind(likes).bind(comments);
            rows.push(shard_counts(self.fetch_one(upsert).await?));
        }
        for (hour, engagements) in batch.hours() {
            let upsert = sql!(
                "INSERT INTO engagement_hours (hour, post_id, engagements) VALUES ($1, $2, $3)
                 ON CONFLICT (hour, post_id) DO UPDATE SET engagements = engagements + excluded.engagements"
            );
            self.execute(upsert.bind(hour).bind(batch.post_id).bind(engagements)).await?;
        }
        if let Some(event) = batch.event() {
            self.record(&event).await?;
        }
        let totals =
            sql!("SELECT coalesce(sum(likes), 0), coalesce(sum(comments), 0) FROM counters WHERE post_id = $1");
        let (likes, comments): (i64, i64) = self.fetch_one(totals.bind(batch.post_id)).await?;
        Ok((rows, Counts { likes: unsigned(likes), comments: unsigned(comments) }))
    }
}
