//! Likes, comments and the counters that move with them.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem::discriminant,
};
use tessera_domain::{
    CommentId, PostId, Timestamp, UserId,
    counters::{CounterOperation, CounterOutcome, Counts, ShardCounts},
    event::Event,
    post::Comment,
    time::HOUR_MS,
};
use tessera_ports::{
    StoreResult,
    ledger::{CounterBatch, EngagementHour, EngagementLedger, LikeRow},
};

#[async_trait]
impl EngagementLedger for SqliteLedger {
    async fn apply_counter_batch(
        &self,
        post_id: PostId,
        shard: u16,
        operations: &[CounterOperation],
        now: Timestamp,
    ) -> StoreResult<CounterBatch> {
        let operations = operations.to_vec();
        self.write(move |scope| Box::pin(apply_batch(scope, post_id, shard, operations, now))).await
    }

    async fn shard_counts(&self, ids: &[PostId]) -> StoreResult<Vec<(PostId, ShardCounts)>> {
        let query = sqlx::query_as(
            "SELECT post_id, shard, version, likes, comments FROM counters
             WHERE post_id IN (SELECT value FROM json_each(?1))",
        );
        let rows: Vec<(i64, u16, i64, i64, i64)> =
            self.fetch_all(query.bind(json_list(ids.iter().map(|id| id.to_i64())))).await?;
        let counts = |(post_id, shard, version, likes, comments)| {
            (PostId::from_i64(post_id), ShardCounts { shard, version: unsigned(version), likes, comments })
        };
        Ok(rows.into_iter().map(counts).collect())
    }

    async fn liked_by(&self, user_id: UserId, ids: &[PostId]) -> StoreResult<Vec<PostId>> {
        let query = sqlx::query_as(
            "SELECT l.post_id FROM likes l CROSS JOIN posts p ON p.id = l.post_id
             WHERE l.post_id IN (SELECT value FROM json_each(?1)) AND l.user_id = ?2",
        );
        let query = query.bind(json_list(ids.iter().map(|id| id.to_i64()))).bind(user_id.to_i64());
        let rows: Vec<(i64,)> = self.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(id,)| PostId::from_i64(id)).collect())
    }

    async fn likers(&self, post_id: PostId, after: Option<i64>, page: usize) -> StoreResult<Vec<LikeRow>> {
        let query = sqlx::query_as(
            "SELECT user_id, position FROM likes INDEXED BY likes_by_position
             WHERE post_id = ?1 AND position < ?2 AND EXISTS (SELECT 1 FROM posts WHERE id = ?1)
             ORDER BY position DESC LIMIT ?3",
        );
        let query = query.bind(post_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        let rows: Vec<(i64, i64)> = self.fetch_all(query).await?;
        let row = |(user_id, position)| LikeRow { user_id: UserId::from_i64(user_id), position };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn comments(&self, post_id: PostId, after: Option<CommentId>, page: usize) -> StoreResult<Vec<Comment>> {
        let query = sqlx::query_as::<_, CommentRow>(
            "SELECT id, post_id, author_id, text FROM comments INDEXED BY comments_by_post
             WHERE post_id = ?1 AND id > ?2 AND EXISTS (SELECT 1 FROM posts WHERE id = ?1) ORDER BY id LIMIT ?3",
        );
        let query = query.bind(post_id.to_i64()).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(Comment::from).collect())
    }

    async fn comment(&self, id: CommentId) -> StoreResult<Option<Comment>> {
        let query = sqlx::query_as::<_, CommentRow>(
            "SELECT c.id, c.post_id, c.author_id, c.text FROM comments c CROSS JOIN posts p ON p.id = c.post_id
             WHERE c.id = ?1",
        );
        Ok(self.fetch_optional(query.bind(id.to_i64())).await?.map(Comment::from))
    }

    async fn engagement_hours(&self, since: Timestamp, page: usize) -> StoreResult<Vec<EngagementHour>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id, e.hour, e.engagements FROM engagement_hours e
             CROSS JOIN posts p ON p.id = e.post_id CROSS JOIN users u ON u.id = p.author_id
             WHERE e.hour >= ?1 AND e.engagements > 0 AND u.private = 0 AND u.deleted_at IS NULL
             ORDER BY e.engagements DESC, p.id DESC LIMIT ?2",
        );
        let rows: Vec<(i64, i64, i64, i64)> = self.fetch_all(query.bind(hour_of(since.0)).bind(limit(page))).await?;
        let hour = |(post_id, author_id, hour, engagements)| EngagementHour {
            post: post_ref((post_id, author_id)),
            hour: Timestamp(hour),
            engagements: unsigned(engagements),
        };
        Ok(rows.into_iter().map(hour).collect())
    }
}

fn hour_of(time_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(HOUR_MS)
}

/// What one batch has done so far.
struct Batch {
    post_id: PostId,
    author_id: UserId,
    shard: u16,
    now: Timestamp,
    outcomes: Vec<CounterOutcome>,
    /// By how much likes and comments moved, by counter shard.
    moved: BTreeMap<u16, (i64, i64)>,
    /// By how much engagements moved, by hour.
    hours: BTreeMap<i64, i64>,
    liked_by: Vec<UserId>,
    unlikes: u32,
    commented_by: Vec<UserId>,
}

impl Batch {
    fn count(&mut self, shard: u16, likes: i64, comments: i64, created_at: i64) {
        let moved = self.moved.entry(shard).or_default();
        moved.0 += likes;
        moved.1 += comments;
        *self.hours.entry(hour_of(created_at)).or_default() += likes + comments;
    }
}

async fn apply_batch(
    scope: &mut WriteScope,
    post_id: PostId,
    shard: u16,
    operations: Vec<CounterOperation>,
    now: Timestamp,
) -> StoreResult<CounterBatch> {
    let author = sqlx::query_as("SELECT author_id FROM posts WHERE id = ?1").bind(post_id.to_i64());
    let Some((author_id,)): Option<(i64,)> = scope.fetch_optional(author).await? else {
        let outcomes = vec![CounterOutcome::NotFound; operations.len()];
        return Ok(CounterBatch { outcomes, rows: Vec::new(), totals: Counts::default() });
    };
    let mut batch = Batch {
        post_id,
        author_id: UserId::from_i64(author_id),
        shard,
        now,
        outcomes: Vec::with_capacity(operations.len()),
        moved: BTreeMap::new(),
        hours: BTreeMap::new(),
        liked_by: Vec::new(),
        unlikes: 0,
        commented_by: Vec::new(),
    };
    // Neighbours of one kind go to the database as one statement.
    for run in operations.chunk_by(|one, next| discriminant(one) == discriminant(next)) {
        match run[0] {
            CounterOperation::Like { .. } => like_all(scope, &mut batch, run).await?,
            CounterOperation::Unlike { .. } => unlike_all(scope, &mut batch, run).await?,
            CounterOperation::AddComment { .. } | CounterOperation::DeleteComment { .. } => {
                for operation in run {
                    let outcome = change_comment(scope, &mut batch, operation).await?;
                    batch.outcomes.push(outcome);
                }
            }
        }
    }
    let rows = move_counters(scope, &batch).await?;
    record_engagement(scope, &batch).await?;
    let totals =
        sqlx::query_as("SELECT coalesce(sum(likes), 0), coalesce(sum(comments), 0) FROM counters WHERE post_id = ?1");
    let (likes, comments): (i64, i64) = scope.fetch_one(totals.bind(post_id.to_i64())).await?;
    let totals = Counts { likes: unsigned(likes), comments: unsigned(comments) };
    Ok(CounterBatch { outcomes: batch.outcomes, rows, totals })
}

fn likers_of(run: &[CounterOperation]) -> Vec<UserId> {
    run.iter()
        .filter_map(|operation| match operation {
            CounterOperation::Like { user_id } | CounterOperation::Unlike { user_id } => Some(*user_id),
            CounterOperation::AddComment { .. } | CounterOperation::DeleteComment { .. } => None,
        })
        .collect()
}

async fn like_all(scope: &mut WriteScope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    let users = likers_of(run);
    let insert = sqlx::query_as(
        "INSERT INTO likes (post_id, user_id, position, shard, created_at)
         SELECT ?1, value, (SELECT coalesce(max(position), 0) FROM likes WHERE post_id = ?1) + 1 + key, ?3, ?4
         FROM json_each(?2) WHERE true
         ON CONFLICT DO NOTHING RETURNING user_id",
    );
    let insert = insert
        .bind(batch.post_id.to_i64())
        .bind(json_list(users.iter().map(|id| id.to_i64())))
        .bind(batch.shard)
        .bind(batch.now.0);
    let inserted: Vec<(i64,)> = scope.fetch_all(insert).await?;
    let mut new: HashSet<i64> = inserted.into_iter().map(|(id,)| id).collect();
    for user_id in users {
        // The first of two equal likes in one batch is the one that counts.
        if new.remove(&user_id.to_i64()) {
            batch.count(batch.shard, 1, 0, batch.now.0);
            batch.liked_by.push(user_id);
            batch.outcomes.push(CounterOutcome::Applied);
        } else {
            batch.outcomes.push(CounterOutcome::AlreadyLiked);
        }
    }
    Ok(())
}

async fn unlike_all(scope: &mut WriteScope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    let users = likers_of(run);
    let delete = sqlx::query_as(
        "DELETE FROM likes WHERE post_id = ?1 AND user_id IN (SELECT value FROM json_each(?2))
         RETURNING user_id, shard, created_at",
    );
    let delete = delete.bind(batch.post_id.to_i64()).bind(json_list(users.iter().map(|id| id.to_i64())));
    let deleted: Vec<(i64, u16, i64)> = scope.fetch_all(delete).await?;
    let mut gone: HashMap<i64, (u16, i64)> =
        deleted.into_iter().map(|(id, shard, created_at)| (id, (shard, created_at))).collect();
    for user_id in users {
        if let Some((shard, created_at)) = gone.remove(&user_id.to_i64()) {
            batch.count(shard, -1, 0, created_at);
            batch.unlikes += 1;
            batch.outcomes.push(CounterOutcome::Applied);
        } else {
            batch.outcomes.push(CounterOutcome::NotLiked);
        }
    }
    Ok(())
}

async fn change_comment(
    scope: &mut WriteScope,
    batch: &mut Batch,
    operation: &CounterOperation,
) -> StoreResult<CounterOutcome> {
    match operation {
        CounterOperation::AddComment { comment_id, user_id, text, idempotency_key } => {
            add_comment(scope, batch, *comment_id, *user_id, text, idempotency_key.as_deref()).await
        }
        CounterOperation::DeleteComment { comment_id, user_id } => {
            delete_comment(scope, batch, *comment_id, *user_id).await
        }
        CounterOperation::Like { .. } | CounterOperation::Unlike { .. } => Ok(CounterOutcome::NotFound),
    }
}

async fn add_comment(
    scope: &mut WriteScope,
    batch: &mut Batch,
    comment_id: CommentId,
    user_id: UserId,
    text: &str,
    idempotency_key: Option<&str>,
) -> StoreResult<CounterOutcome> {
    // The same id again, after an unknown outcome, is the same comment.
    let first = sqlx::query_as(
        "SELECT id FROM comments WHERE id = ?1
         UNION ALL SELECT id FROM comments WHERE author_id = ?2 AND idempotency_key = ?3 AND ?3 IS NOT NULL LIMIT 1",
    );
    let first = first.bind(comment_id.to_i64()).bind(user_id.to_i64()).bind(idempotency_key);
    if let Some((id,)) = scope.fetch_optional::<(i64,)>(first).await? {
        // A comment of a deleted post that was not purged yet is no comment any more, and its key is free.
        let release = sqlx::query(
            "UPDATE comments SET idempotency_key = NULL
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM posts WHERE id = comments.post_id)",
        );
        if scope.execute(release.bind(id)).await? == 0 {
            return Ok(CounterOutcome::CommentExists(CommentId::from_i64(id)));
        }
    }
    let insert = sqlx::query(
        "INSERT INTO comments (id, post_id, author_id, text, shard, idempotency_key, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    );
    let insert = insert
        .bind(comment_id.to_i64())
        .bind(batch.post_id.to_i64())
        .bind(user_id.to_i64())
        .bind(text)
        .bind(batch.shard)
        .bind(idempotency_key)
        .bind(batch.now.0);
    scope.execute(insert).await?;
    batch.count(batch.shard, 0, 1, batch.now.0);
    batch.commented_by.push(user_id);
    Ok(CounterOutcome::Applied)
}

async fn delete_comment(
    scope: &mut WriteScope,
    batch: &mut Batch,
    comment_id: CommentId,
    user_id: UserId,
) -> StoreResult<CounterOutcome> {
    let query = sqlx::query_as("SELECT author_id, shard, created_at FROM comments WHERE id = ?1 AND post_id = ?2");
    let query = query.bind(comment_id.to_i64()).bind(batch.post_id.to_i64());
    let Some((author_id, shard, created_at)) = scope.fetch_optional::<(i64, u16, i64)>(query).await? else {
        return Ok(CounterOutcome::NotFound);
    };
    if user_id.to_i64() != author_id && user_id != batch.author_id {
        return Ok(CounterOutcome::Forbidden);
    }
    let watermark = sqlx::query("UPDATE deleted_id_watermark SET id = ?1 WHERE id < ?1");
    scope.execute(watermark.bind(comment_id.to_i64())).await?;
    scope.execute(sqlx::query("DELETE FROM comments WHERE id = ?1").bind(comment_id.to_i64())).await?;
    batch.count(shard, 0, -1, created_at);
    Ok(CounterOutcome::Applied)
}

/// Moves the counter rows and the hours; returns the rows as they stand now.
async fn move_counters(scope: &mut WriteScope, batch: &Batch) -> StoreResult<Vec<ShardCounts>> {
    let mut rows = Vec::with_capacity(batch.moved.len());
    for (&shard, &(likes, comments)) in &batch.moved {
        let upsert = sqlx::query_as(
            "INSERT INTO counters (post_id, shard, version, likes, comments) VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (post_id, shard) DO UPDATE SET version = version + 1,
             likes = likes + excluded.likes, comments = comments + excluded.comments
             RETURNING version, likes, comments",
        );
        let upsert = upsert.bind(batch.post_id.to_i64()).bind(shard).bind(likes).bind(comments);
        let (version, likes, comments): (i64, i64, i64) = scope.fetch_one(upsert).await?;
        rows.push(ShardCounts { shard, version: unsigned(version), likes, comments });
    }
    for (&hour, &engagements) in batch.hours.iter().filter(|(_, engagements)| **engagements != 0) {
        let upsert = sqlx::query(
            "INSERT INTO engagement_hours (hour, post_id, engagements) VALUES (?1, ?2, ?3)
             ON CONFLICT (hour, post_id) DO UPDATE SET engagements = engagements + excluded.engagements",
        );
        scope.execute(upsert.bind(hour).bind(batch.post_id.to_i64()).bind(engagements)).await?;
    }
    Ok(rows)
}

async fn record_engagement(scope: &mut WriteScope, batch: &Batch) -> StoreResult<()> {
    if batch.liked_by.is_empty() && batch.unlikes == 0 && batch.commented_by.is_empty() {
        return Ok(());
    }
    scope
        .record(&Event::Engaged {
            post_id: batch.post_id,
            author_id: batch.author_id,
            liked_by: batch.liked_by.clone(),
            unlikes: batch.unlikes,
            commented_by: batch.commented_by.clone(),
        })
        .await
}
