//! Comments within a counter's batch.

use super::{engagement::Batch, rows::*, transaction::Scope};
use std::collections::{HashMap, HashSet};
use tessera_domain::{
    CommentId, UserId,
    counters::{CounterOperation, CounterOutcome},
};
use tessera_ports::StoreResult;

/// Shares a lock on the post's row, unless the batch holds it; whether there is a post.
async fn lock_post(scope: &mut Scope, batch: &mut Batch) -> StoreResult<bool> {
    if batch.author_id.is_none() {
        let query = sqlx::query_as("SELECT author_id FROM posts WHERE id = $1 FOR KEY SHARE");
        let row: Option<(i64,)> = scope.fetch_optional(query.bind(batch.post_id.to_i64())).await?;
        batch.author_id = row.map(|(author_id,)| UserId::from_i64(author_id));
    }
    Ok(batch.author_id.is_some())
}

/// A comment to be added.
struct New<'a> {
    id: i64,
    user_id: UserId,
    text: &'a str,
    key: Option<&'a str>,
}

/// Adds comments. One whose id or key is known already is that comment.
pub(super) async fn add_all(scope: &mut Scope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    if !lock_post(scope, batch).await? {
        return Ok(());
    }
    let new: Vec<New<'_>> = run
        .iter()
        .filter_map(|operation| match operation {
            CounterOperation::AddComment { comment_id, user_id, text, idempotency_key } => {
                Some(New { id: comment_id.to_i64(), user_id: *user_id, text, key: idempotency_key.as_deref() })
            }
            _ => None,
        })
        .collect();
    let mut written = insert_all(scope, batch, &new).await?;
    let mut known: Option<Known> = None;
    if written.len() < new.len() && release_keys(scope, &new).await? {
        written.extend(insert_all(scope, batch, &new).await?);
    }
    for comment in &new {
        if written.remove(&comment.id) {
            batch.count(batch.shard, 0, 1, batch.now.0);
            batch.commented_by.push(comment.user_id);
            batch.outcomes.push(CounterOutcome::Applied);
            continue;
        }
        let known = match &known {
            Some(known) => known,
            None => known.insert(find_known(scope, &new).await?),
        };
        let Some(id) = known.find(comment) else {
            // It was deleted between the two statements.
            return Err(scope.overtaken());
        };
        batch.outcomes.push(CounterOutcome::CommentExists(CommentId::from_i64(id)));
    }
    Ok(())
}

/// Writes those whose id and key are new; gives their ids.
async fn insert_all(scope: &mut Scope, batch: &Batch, new: &[New<'_>]) -> StoreResult<HashSet<i64>> {
    let insert = sqlx::query_as(
        "INSERT INTO comments (id, post_id, author_id, text, shard, idempotency_key, created_at)
         SELECT new.id, $1, new.user_id, new.text, $2, new.key, $3
         FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::text[]) AS new (id, user_id, text, key)
         ON CONFLICT DO NOTHING RETURNING id",
    );
    let insert = insert
        .bind(batch.post_id.to_i64())
        .bind(i32::from(batch.shard))
        .bind(batch.now.0)
        .bind(new.iter().map(|new| new.id).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.user_id.to_i64()).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.text).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.key).collect::<Vec<_>>());
    let written: Vec<(i64,)> = scope.fetch_all(insert).await?;
    Ok(written.into_iter().map(|(id,)| id).collect())
}

/// Frees the keys that only comments of deleted posts hold, which were not purged yet; whether there were any.
async fn release_keys(scope: &mut Scope, new: &[New<'_>]) -> StoreResult<bool> {
    let release = sqlx::query(
        "UPDATE comments SET idempotency_key = NULL
         FROM unnest($1::bigint[], $2::text[]) AS new (user_id, key)
         WHERE comments.author_id = new.user_id AND comments.idempotency_key = new.key
         AND NOT EXISTS (SELECT FROM posts WHERE id = comments.post_id)",
    );
    let release = release
        .bind(new.iter().map(|new| new.user_id.to_i64()).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.key).collect::<Vec<_>>());
    Ok(scope.execute(release).await? > 0)
}

/// Comments that exist by an id or a key of a run.
struct Known {
    ids: HashSet<i64>,
    by_key: HashMap<(i64, String), i64>,
}

impl Known {
    fn find(&self, comment: &New<'_>) -> Option<i64> {
        if self.ids.contains(&comment.id) {
            return Some(comment.id);
        }
        self.by_key.get(&(comment.user_id.to_i64(), comment.key?.to_owned())).copied()
    }
}

async fn find_known(scope: &mut Scope, new: &[New<'_>]) -> StoreResult<Known> {
    let query = sqlx::query_as(
        "SELECT id, author_id, idempotency_key FROM comments WHERE id = ANY($1)
         UNION SELECT c.id, c.author_id, c.idempotency_key
         FROM unnest($2::bigint[], $3::text[]) AS new (user_id, key)
         JOIN comments c ON c.author_id = new.user_id AND c.idempotency_key = new.key",
    );
    let query = query
        .bind(new.iter().map(|new| new.id).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.user_id.to_i64()).collect::<Vec<_>>())
        .bind(new.iter().map(|new| new.key).collect::<Vec<_>>());
    let rows: Vec<(i64, i64, Option<String>)> = scope.fetch_all(query).await?;
    let ids = rows.iter().map(|(id, ..)| *id).collect();
    let by_key = rows.into_iter().filter_map(|(id, author_id, key)| Some(((author_id, key?), id))).collect();
    Ok(Known { ids, by_key })
}

/// Deletes comments, one statement each: an author seldom deletes many.
pub(super) async fn delete_all(scope: &mut Scope, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    if !lock_post(scope, batch).await? {
        return Ok(());
    }
    for operation in run {
        if let CounterOperation::DeleteComment { comment_id, user_id } = operation {
            let outcome = delete(scope, batch, *comment_id, *user_id).await?;
            batch.outcomes.push(outcome);
        }
    }
    Ok(())
}

async fn delete(
    scope: &mut Scope,
    batch: &mut Batch,
    comment_id: CommentId,
    user_id: UserId,
) -> StoreResult<CounterOutcome> {
    let query = sqlx::query_as(
        "WITH found AS MATERIALIZED (
             SELECT id, author_id FROM comments WHERE id = $1 AND post_id = $2 FOR UPDATE),
         gone AS (
             DELETE FROM comments WHERE id = (SELECT id FROM found WHERE $4 OR author_id = $3)
             RETURNING id, shard, created_at),
         marked AS (
             UPDATE deleted_id_watermark SET id = gone.id FROM gone WHERE deleted_id_watermark.id < gone.id)
         SELECT gone.shard, gone.created_at FROM found LEFT JOIN gone ON gone.id = found.id",
    );
    let query = query
        .bind(comment_id.to_i64())
        .bind(batch.post_id.to_i64())
        .bind(user_id.to_i64())
        .bind(batch.author_id == Some(user_id));
    Ok(match scope.fetch_optional(query).await? {
        None => CounterOutcome::NotFound,
        Some((Some(shard_column), Some(created_at))) => {
            batch.count(shard(shard_column), 0, -1, created_at);
            CounterOutcome::Applied
        }
        Some((_, _)) => CounterOutcome::Forbidden,
    })
}
