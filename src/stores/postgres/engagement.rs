//! Likes, and the counters that move with likes and comments.
//!
//! A batch is one transaction of few statements: the operations, then everything they moved at once. The first
//! statement shares a lock on the post's row, so that a deletion waits for it or it finds no post. Two batches on one
//! post wait for each other only where they like for the same user, or move the same counter shard: at the end,
//! just before the commit.

use super::{PostgresLedger, comments, rows::*, transaction::Scope};
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
impl EngagementLedger for PostgresLedger {
    async fn apply_counter_batch(
        &self,
        post_id: PostId,
        shard: u16,
        operations: &[CounterOperation],
        now: Timestamp,
    ) -> StoreResult<CounterBatch> {
        let target = Target { post_id, shard, now };
        self.transact(&self.requests, (target, operations), |scope, (target, operations)| {
            Box::pin(apply_batch(scope, *target, operations))
        })
        .await
    }

    async fn shard_counts(&self, ids: &[PostId]) -> StoreResult<Vec<(PostId, ShardCounts)>> {
        let query =
            sqlx::query_as("SELECT post_id, shard, version, likes, comments FROM counters WHERE post_id = ANY($1)");
        let ids: Vec<i64> = ids.iter().map(|id| id.to_i64()).collect();
        let rows: Vec<(i64, i32, i64, i64, i64)> = self.fetch_all(query.bind(ids)).await?;
        let counts = |(post_id, shard_column, version, likes, comments)| {
            let counts = ShardCounts { shard: shard(shard_column), version: unsigned(version), likes, comments };
            (PostId::from_i64(post_id), counts)
        };
        Ok(rows.into_iter().map(counts).collect())
    }

    async fn liked_by(&self, user_id: UserId, ids: &[PostId]) -> StoreResult<Vec<PostId>> {
        let query = sqlx::query_as(
            "SELECT l.post_id FROM unnest($1::bigint[]) AS wanted (id)
             JOIN likes l ON l.post_id = wanted.id AND l.user_id = $2 JOIN posts p ON p.id = l.post_id",
        );
        let ids: Vec<i64> = ids.iter().map(|id| id.to_i64()).collect();
        let rows: Vec<(i64,)> = self.fetch_all(query.bind(ids).bind(user_id.to_i64())).await?;
        Ok(rows.into_iter().map(|(id,)| PostId::from_i64(id)).collect())
    }

    async fn likers(&self, post_id: PostId, after: Option<i64>, page: usize) -> StoreResult<Vec<LikeRow>> {
        let query = sqlx::query_as(
            "SELECT user_id, position FROM likes
             WHERE post_id = $1 AND position < $2 AND EXISTS (SELECT FROM posts WHERE id = $1)
             ORDER BY position DESC LIMIT $3",
        );
        let query = query.bind(post_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        let rows: Vec<(i64, i64)> = self.fetch_all(query).await?;
        let row = |(user_id, position)| LikeRow { user_id: UserId::from_i64(user_id), position };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn comments(&self, post_id: PostId, after: Option<CommentId>, page: usize) -> StoreResult<Vec<Comment>> {
        let query = sqlx::query_as::<_, CommentRow>(
            "SELECT id, post_id, author_id, text FROM comments
             WHERE post_id = $1 AND id > $2 AND EXISTS (SELECT FROM posts WHERE id = $1) ORDER BY id LIMIT $3",
        );
        let query = query.bind(post_id.to_i64()).bind(after.map_or(-1, |id| id.to_i64())).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(Comment::from).collect())
    }

    async fn comment(&self, id: CommentId) -> StoreResult<Option<Comment>> {
        let query = sqlx::query_as::<_, CommentRow>(
            "SELECT c.id, c.post_id, c.author_id, c.text FROM comments c JOIN posts p ON p.id = c.post_id WHERE c.id = $1",
        );
        Ok(self.fetch_optional(query.bind(id.to_i64())).await?.map(Comment::from))
    }

    async fn engagement_hours(&self, since: Timestamp, page: usize) -> StoreResult<Vec<EngagementHour>> {
        let query = sqlx::query_as(
            "SELECT p.id, p.author_id, e.hour, e.engagements FROM (
                 SELECT hour, post_id, sum(engagements)::bigint AS engagements FROM engagement_hours
                 WHERE hour >= $1 GROUP BY hour, post_id HAVING sum(engagements) > 0) AS e
             JOIN posts p ON p.id = e.post_id JOIN users u ON u.id = p.author_id
             WHERE NOT u.private AND u.deleted_at IS NULL
             ORDER BY e.engagements DESC, p.id DESC LIMIT $2",
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

/// What a batch is about.
#[derive(Clone, Copy)]
struct Target {
    post_id: PostId,
    shard: u16,
    now: Timestamp,
}

/// What one batch has done so far.
pub(super) struct Batch {
    pub post_id: PostId,
    /// Known once the post's row is locked.
    pub author_id: Option<UserId>,
    pub shard: u16,
    pub now: Timestamp,
    pub outcomes: Vec<CounterOutcome>,
    /// By how much likes and comments moved, by counter shard.
    moved: BTreeMap<u16, (i64, i64)>,
    /// By how much engagements moved, by hour.
    hours: BTreeMap<i64, i64>,
    liked_by: Vec<UserId>,
    unlikes: u32,
    pub commented_by: Vec<UserId>,
}

impl Batch {
    fn new(target: Target, operations: usize) -> Self {
        Self {
            post_id: target.post_id,
            author_id: None,
            shard: target.shard,
            now: target.now,
            outcomes: Vec::with_capacity(operations),
            moved: BTreeMap::new(),
            hours: BTreeMap::new(),
            liked_by: Vec::new(),
            unlikes: 0,
            commented_by: Vec::new(),
        }
    }

    pub fn count(&mut self, shard: u16, likes: i64, comments: i64, created_at: i64) {
        let moved = self.moved.entry(shard).or_default();
        moved.0 += likes;
        moved.1 += comments;
        *self.hours.entry(hour_of(created_at)).or_default() += likes + comments;
    }

    fn event(&self) -> Option<Event> {
        let author_id = self.author_id?;
        let happened = !self.liked_by.is_empty() || self.unlikes > 0 || !self.commented_by.is_empty();
        happened.then(|| Event::Engaged {
            post_id: self.post_id,
            author_id,
            liked_by: self.liked_by.clone(),
            unlikes: self.unlikes,
            commented_by: self.commented_by.clone(),
        })
    }
}

async fn apply_batch(scope: &mut Scope, target: Target, operations: &[CounterOperation]) -> StoreResult<CounterBatch> {
    let mut batch = Batch::new(target, operations.len());
    // Neighbours of one kind go to the database as one statement.
    for run in operations.chunk_by(|one, next| discriminant(one) == discriminant(next)) {
        match run[0] {
            CounterOperation::Like { .. } => like_all(scope, &mut batch, run).await?,
            CounterOperation::Unlike { .. } => unlike_all(scope, &mut batch, run).await?,
            CounterOperation::AddComment { .. } => comments::add_all(scope, &mut batch, run).await?,
            CounterOperation::DeleteComment { .. } => comments::delete_all(scope, &mut batch, run).await?,
        }
        if batch.author_id.is_none() {
            // The first run found no post. Once it is found, it stays to the end: its row is locked.
            let outcomes = vec![CounterOutcome::NotFound; operations.len()];
            return Ok(CounterBatch { outcomes, rows: Vec::new(), totals: Counts::default() });
        }
    }
    let (rows, totals) = move_counters(scope, &batch).await?;
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

async fn like_all(scope: &mut Scope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    let users = likers_of(run);
    // Positions in the order of the operations, rows in the order of the users: two batches that like for the same
    // users at once then wait for each other instead of in a circle.
    let insert = sqlx::query_as(
        "WITH post AS MATERIALIZED (SELECT author_id FROM posts WHERE id = $1 FOR KEY SHARE),
         placed AS MATERIALIZED (
             SELECT user_id, nextval('like_positions') AS position
             FROM unnest($2::bigint[]) AS user_id WHERE EXISTS (TABLE post)),
         written AS (
             INSERT INTO likes (post_id, user_id, position, shard, created_at)
             SELECT $1, user_id, position, $3, $4 FROM placed ORDER BY user_id, position
             ON CONFLICT DO NOTHING RETURNING user_id)
         SELECT post.author_id, ARRAY(SELECT user_id FROM written) FROM post",
    );
    let insert = insert
        .bind(batch.post_id.to_i64())
        .bind(users.iter().map(|id| id.to_i64()).collect::<Vec<_>>())
        .bind(i32::from(batch.shard))
        .bind(batch.now.0);
    let row: Option<(i64, Vec<i64>)> = scope.fetch_optional(insert).await?;
    let Some((author_id, written)) = row else { return Ok(()) };
    batch.author_id = Some(UserId::from_i64(author_id));
    let mut new: HashSet<i64> = written.into_iter().collect();
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

/// The post's author, and one like that is gone unless there was none.
#[derive(sqlx::FromRow)]
struct UnlikedRow {
    author_id: i64,
    user_id: Option<i64>,
    shard: Option<i32>,
    created_at: Option<i64>,
}

impl UnlikedRow {
    fn into_entry(self) -> Option<(i64, (u16, i64))> {
        Some((self.user_id?, (shard(self.shard?), self.created_at?)))
    }
}

async fn unlike_all(scope: &mut Scope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    let users = likers_of(run);
    let delete = sqlx::query_as(
        "WITH post AS MATERIALIZED (SELECT author_id FROM posts WHERE id = $1 FOR KEY SHARE),
         locked AS MATERIALIZED (
             SELECT user_id FROM likes WHERE post_id = $1 AND user_id = ANY($2) AND EXISTS (TABLE post)
             ORDER BY user_id FOR UPDATE),
         gone AS (
             DELETE FROM likes WHERE post_id = $1 AND user_id = ANY(ARRAY(TABLE locked))
             RETURNING user_id, shard, created_at)
         SELECT post.author_id, gone.user_id, gone.shard, gone.created_at FROM post LEFT JOIN gone ON true",
    );
    let delete = delete.bind(batch.post_id.to_i64()).bind(users.iter().map(|id| id.to_i64()).collect::<Vec<_>>());
    let rows: Vec<UnlikedRow> = scope.fetch_all(delete).await?;
    batch.author_id = rows.first().map(|row| UserId::from_i64(row.author_id));
    let mut gone: HashMap<i64, (u16, i64)> = rows.into_iter().filter_map(UnlikedRow::into_entry).collect();
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

#[derive(sqlx::FromRow)]
struct MovedRow {
    shard: i32,
    version: i64,
    likes: i64,
    comments: i64,
    moved: bool,
}

/// Moves the counter rows and the hours and records the event, in one statement; gives the rows that moved, as they
/// stand now, and the post's totals.
async fn move_counters(scope: &mut Scope, batch: &Batch) -> StoreResult<(Vec<ShardCounts>, Counts)> {
    let write = sqlx::query_as(
        "WITH moved AS (
             INSERT INTO counters (post_id, shard, version, likes, comments)
             SELECT $1, shard, 1, likes, comments
             FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS delta (shard, likes, comments)
             ON CONFLICT (post_id, shard) DO UPDATE SET version = counters.version + 1,
                 likes = counters.likes + excluded.likes, comments = counters.comments + excluded.comments
             RETURNING shard, version, likes, comments),
         hours AS (
             INSERT INTO engagement_hours (hour, post_id, shard, engagements)
             SELECT hour, $1, $7, engagements FROM unnest($5::bigint[], $6::bigint[]) AS delta (hour, engagements)
             ON CONFLICT (hour, post_id, shard) DO UPDATE
             SET engagements = engagement_hours.engagements + excluded.engagements),
         told AS (INSERT INTO outbox (event) SELECT * FROM unnest($8::text[]))
         SELECT shard, version, likes, comments, true AS moved FROM moved
         UNION ALL SELECT shard, version, likes, comments, false FROM counters
         WHERE post_id = $1 AND shard <> ALL($2)",
    );
    let events = scope.events(batch.event().as_slice())?;
    let hours = batch.hours.iter().filter(|(_, engagements)| **engagements != 0);
    let (hours, engagements): (Vec<i64>, Vec<i64>) = hours.map(|(hour, engagements)| (*hour, *engagements)).unzip();
    let write = write
        .bind(batch.post_id.to_i64())
        .bind(batch.moved.keys().map(|shard| i32::from(*shard)).collect::<Vec<_>>())
        .bind(batch.moved.values().map(|(likes, _)| *likes).collect::<Vec<_>>())
        .bind(batch.moved.values().map(|(_, comments)| *comments).collect::<Vec<_>>())
        .bind(hours)
        .bind(engagements)
        .bind(i32::from(batch.shard))
        .bind(events);
    let all: Vec<MovedRow> = scope.fetch_all(write).await?;
    let totals = Counts {
        likes: unsigned(all.iter().map(|row| row.likes).sum()),
        comments: unsigned(all.iter().map(|row| row.comments).sum()),
    };
    let counts = |row: MovedRow| ShardCounts {
        shard: shard(row.shard),
        version: unsigned(row.version),
        likes: row.likes,
        comments: row.comments,
    };
    Ok((all.into_iter().filter(|row| row.moved).map(counts).collect(), totals))
}
