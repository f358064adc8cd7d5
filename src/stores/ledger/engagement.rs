//! Likes, comments and the counters that move with them.
//!
//! A batch is one transaction of few statements: the operations, then everything they moved at once. The first
//! statement shares a lock on the post's row, so that a deletion waits for it or it finds no post. Two batches on one
//! post wait for each other only where they like for the same user, or move the same counter shard: at the end,
//! just before the commit.

use super::{Dialect, Pool, Scope, SqlLedger, Statement, comments, rows::*};
use async_trait::async_trait;
use tessera_domain::{
    CommentId, PostId, Timestamp, UserId,
    counters::{
        CounterOperation, CounterOutcome, Counts, ShardCounts,
        batch::{Batch, Counted, hour_of, likers, runs},
    },
    post::Comment,
};
use tessera_ports::{
    StoreResult,
    ledger::{CounterBatch, EngagementHour, EngagementLedger, LikeRow, SEARCHED_COMMENTS},
};

#[async_trait]
impl<D: Dialect> EngagementLedger for SqlLedger<D> {
    async fn apply_counter_batch(
        &self,
        post_id: PostId,
        shard: u16,
        operations: &[CounterOperation],
        now: Timestamp,
    ) -> StoreResult<CounterBatch> {
        let target = Target { post_id, counted: Counted { shard, at: now }, operations: operations.to_vec() };
        self.requests.transact(target, |scope, target| Box::pin(apply_batch(scope, target))).await
    }

    async fn shard_counts(&self, ids: &[PostId]) -> StoreResult<Vec<(PostId, ShardCounts)>> {
        let query = sql!("SELECT post_id, shard, version, likes, comments FROM counters WHERE post_id " [any "$1"]);
        let counts = |(post_id, shard, version, likes, comments): (i64, i32, i64, i64, i64)| {
            (PostId::from_i64(post_id), shard_counts((shard, version, likes, comments)))
        };
        self.requests.fetch_all(query.bind(ids), counts).await
    }

    async fn liked_by(&self, user_id: UserId, ids: &[PostId]) -> StoreResult<Vec<PostId>> {
        let query = sql!(
            "SELECT l.post_id FROM " [list "$1" as "wanted"] " " [join] " likes l ON l.post_id = wanted.value
             AND l.user_id = $2 " [join] " posts p ON p.id = l.post_id"
        );
        self.requests.fetch_all(query.bind(ids).bind(user_id), post_id).await
    }

    async fn likers(&self, post_id: PostId, after: Option<i64>, limit: usize) -> StoreResult<Vec<LikeRow>> {
        let query = sql!(
            "SELECT user_id, position FROM likes" [index "likes_by_position"] "
             WHERE post_id = $1 AND position < $2 AND EXISTS (SELECT 1 FROM posts WHERE id = $1)
             ORDER BY position DESC LIMIT $3"
        );
        let row = |(user_id, position)| LikeRow { user_id: UserId::from_i64(user_id), position };
        self.requests.fetch_all(query.bind(post_id).bind(after.unwrap_or(i64::MAX)).bind(limit), row).await
    }

    async fn comments(&self, post_id: PostId, after: Option<CommentId>, limit: usize) -> StoreResult<Vec<Comment>> {
        let query = sql!(
            "SELECT id, post_id, author_id, text FROM comments" [index "comments_by_post"] "
             WHERE post_id = $1 AND id > $2 AND EXISTS (SELECT 1 FROM posts WHERE id = $1) ORDER BY id LIMIT $3"
        );
        let query = query.bind(post_id).bind(after.map_or(-1, CommentId::to_i64)).bind(limit);
        self.requests.fetch_all(query, CommentRow::into_comment).await
    }

    async fn commenters(
        &self,
        post_id: PostId,
        before: CommentId,
        except: UserId,
        limit: usize,
    ) -> StoreResult<Vec<UserId>> {
        let query = sql!(
            "SELECT author_id FROM (
                 SELECT author_id, id FROM comments" [index "comments_by_post"] "
                 WHERE post_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3) AS latest
             WHERE author_id <> $4 GROUP BY author_id ORDER BY max(id) DESC LIMIT $5"
        );
        let query = query.bind(post_id).bind(before).bind(SEARCHED_COMMENTS).bind(except).bind(limit);
        self.requests.fetch_all(query, user_id).await
    }

    async fn comment(&self, id: CommentId) -> StoreResult<Option<Comment>> {
        let query = sql!(
            "SELECT c.id, c.post_id, c.author_id, c.text FROM comments c " [join] " posts p ON p.id = c.post_id
             WHERE c.id = $1"
        );
        self.requests.fetch_optional(query.bind(id), CommentRow::into_comment).await
    }

    async fn engagement_hours(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<EngagementHour>> {
        let hour = |(post_id, author_id, hour, engagements)| EngagementHour {
            post: post_ref((post_id, author_id)),
            hour: Timestamp(hour),
            engagements: unsigned(engagements),
        };
        self.requests.fetch_all(strongest_hours(since, limit), hour).await
    }
}

/// The strongest posts and hours, found by the magnitude of their counts: from the highest to the lowest, the newest
/// hours first. Each counter shard of Postgres has a count of its own; a post that is among the strongest has one
/// that is.
pub(super) fn strongest_hours(since: Timestamp, limit: usize) -> Statement {
    let query = sql!(
        "SELECT p.id, p.author_id, s.hour, s.engagements FROM (
             SELECT hour, post_id, (
                 SELECT CAST(sum(e.engagements) AS BIGINT) FROM engagement_hours e
                 WHERE e.hour = found.hour AND e.post_id = found.post_id) AS engagements
             FROM (SELECT DISTINCT hour, post_id FROM (
                 SELECT m.key, h.hour, h.post_id FROM " [list "$3" as "m"] " CROSS JOIN "
                 {sqlite: "
                 engagement_hours h INDEXED BY engagement_hours_by_magnitude ON h.magnitude = m.value AND h.hour >= $1",
                 postgres: "LATERAL (
                     SELECT hour, post_id FROM engagement_hours WHERE magnitude = m.value AND hour >= $1
                     ORDER BY hour DESC LIMIT 8000) AS h
                 ORDER BY m.key"} "
                 LIMIT 8000) AS strongest) AS found) AS s
         " [join] " posts p ON p.id = s.post_id " [join] " users u ON u.id = p.author_id
         WHERE s.engagements > 0 AND NOT u.private AND u.deleted_at IS NULL
         ORDER BY s.engagements DESC, p.id DESC LIMIT $2"
    );
    query.bind(hour_of(since)).bind(limit).bind((1..=HIGHEST_MAGNITUDE).rev().collect::<Vec<i64>>())
}

/// The magnitude of all counts from 2^15 on; stands in the migration that computes them.
const HIGHEST_MAGNITUDE: i64 = 16;

/// A batch that is asked for.
struct Target {
    post_id: PostId,
    counted: Counted,
    operations: Vec<CounterOperation>,
}

impl Target {
    /// The batch, begun by whoever found the author first.
    fn batch<'a>(&self, batch: &'a mut Option<Batch>, author_id: UserId) -> &'a mut Batch {
        batch.get_or_insert_with(|| Batch::new(self.post_id, author_id, self.counted))
    }
}

async fn apply_batch<S: Scope>(scope: &mut S, target: &Target) -> StoreResult<CounterBatch> {
    let mut batch = None;
    for run in runs(&target.operations) {
        apply_run(scope, target, &mut batch, run).await?;
        if batch.is_none() {
            break;
        }
    }
    // The first run found a post or it did not. Once it is found, it stays to the end: its row is locked.
    let Some(batch) = batch else {
        let outcomes = vec![CounterOutcome::NotFound; target.operations.len()];
        return Ok(CounterBatch { outcomes, rows: Vec::new(), totals: Counts::default() });
    };
    let (rows, totals) = scope.move_counters(&batch).await?;
    Ok(CounterBatch { outcomes: batch.into_outcomes(), rows, totals })
}

async fn apply_run<S: Scope>(
    scope: &mut S,
    target: &Target,
    batch: &mut Option<Batch>,
    run: &[CounterOperation],
) -> StoreResult<()> {
    match run[0] {
        CounterOperation::Like { .. } => {
            let users = likers(run);
            if let Some((author_id, written)) = scope.insert_likes(target.post_id, target.counted, &users).await? {
                target.batch(batch, author_id).like(users, written);
            }
        }
        CounterOperation::Unlike { .. } => {
            let users = likers(run);
            if let Some((author_id, ended)) = scope.delete_likes(target.post_id, &users).await? {
                target.batch(batch, author_id).unlike(users, ended);
            }
        }
        CounterOperation::AddComment { .. } | CounterOperation::DeleteComment { .. } => {
            let author_id = match batch {
                Some(batch) => Some(batch.author_id),
                None => lock_post(scope, target.post_id).await?,
            };
            if let Some(author_id) = author_id {
                comments::apply(scope, target.batch(batch, author_id), run).await?;
            }
        }
    }
    Ok(())
}

/// Shares a lock on the post's row; gives its author if there is a post.
pub(crate) async fn lock_post<S: Scope>(scope: &mut S, id: PostId) -> StoreResult<Option<UserId>> {
    let query = sql!("SELECT author_id FROM posts WHERE id = $1" {sqlite: "", postgres: " FOR KEY SHARE"}).bind(id);
    Ok(scope.fetch_optional(query).await?.map(user_id))
}
