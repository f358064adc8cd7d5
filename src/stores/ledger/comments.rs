//! Comments within a counter's batch.

use super::{Scope, Value};
use std::collections::{HashMap, HashSet};
use tessera_domain::{
    CommentId, Timestamp, UserId,
    counters::{
        CounterOperation, CounterOutcome,
        batch::{Batch, Counted},
    },
};
use tessera_ports::StoreResult;

/// Applies a run of comments that are all added, or all deleted.
pub(super) async fn apply<S: Scope>(scope: &mut S, batch: &mut Batch, run: &[CounterOperation]) -> StoreResult<()> {
    let mut new = Vec::new();
    for operation in run {
        match operation {
            CounterOperation::AddComment { comment_id, user_id, text, idempotency_key } => {
                new.push(New { id: *comment_id, user_id: *user_id, text, key: idempotency_key.as_deref() });
            }
            // One statement after the other: an author seldom deletes many.
            CounterOperation::DeleteComment { comment_id, user_id } => {
                delete(scope, batch, *comment_id, *user_id).await?;
            }
            CounterOperation::Like { .. } | CounterOperation::Unlike { .. } => {}
        }
    }
    if new.is_empty() { Ok(()) } else { add_all(scope, batch, &new).await }
}

/// A comment to be added.
struct New<'a> {
    id: CommentId,
    user_id: UserId,
    text: &'a str,
    key: Option<&'a str>,
}

fn ids(new: &[New<'_>]) -> Value {
    new.iter().map(|new| new.id).collect::<Vec<_>>().into()
}

fn users(new: &[New<'_>]) -> Value {
    new.iter().map(|new| new.user_id).collect::<Vec<_>>().into()
}

fn keys(new: &[New<'_>]) -> Value {
    new.iter().map(|new| new.key).collect::<Vec<_>>().into()
}

/// Adds comments. One whose id or key is known already is that comment.
async fn add_all<S: Scope>(scope: &mut S, batch: &mut Batch, new: &[New<'_>]) -> StoreResult<()> {
    let mut written = insert_all(scope, batch, new).await?;
    if written.len() < new.len() && release_keys(scope, new).await? {
        written.extend(insert_all(scope, batch, new).await?);
    }
    let mut known: Option<Known> = None;
    for comment in new {
        if written.remove(&comment.id) {
            batch.add_comment(comment.id, comment.user_id);
            continue;
        }
        let known = match &known {
            Some(known) => known,
            None => known.insert(find_known(scope, new).await?),
        };
        // Where there is none it was deleted between the two statements.
        let Some(id) = known.find(comment) else { return Err(scope.overtaken()) };
        batch.know_comment(id);
    }
    Ok(())
}

/// Writes those whose id and key are new; gives their ids.
async fn insert_all<S: Scope>(scope: &mut S, batch: &Batch, new: &[New<'_>]) -> StoreResult<HashSet<CommentId>> {
    let insert = sql!(
        "INSERT INTO comments (id, post_id, author_id, text, shard, idempotency_key, created_at)
         SELECT new.id, $1, new.user_id, new.text, $2, new.key, $3
         FROM " [rows "$4" "$5" "$6" "$7" as "new" ("id" "user_id" "text" "key")] " WHERE true
         ON CONFLICT DO NOTHING RETURNING id"
    );
    let insert = insert.bind(batch.post_id).bind(batch.counted.shard).bind(batch.counted.at);
    let texts = new.iter().map(|new| new.text).collect::<Vec<_>>().into();
    let written: Vec<(i64,)> = scope.fetch_all(insert.bind_rows([ids(new), users(new), texts, keys(new)])).await?;
    Ok(written.into_iter().map(|(id,)| CommentId::from_i64(id)).collect())
}

/// Frees the keys that only comments of deleted posts hold, which were not purged yet; whether there were any.
async fn release_keys<S: Scope>(scope: &mut S, new: &[New<'_>]) -> StoreResult<bool> {
    let release = sql!(
        "UPDATE comments SET idempotency_key = NULL FROM " [rows "$1" "$2" as "new" ("user_id" "key")] "
         WHERE comments.author_id = new.user_id AND comments.idempotency_key = new.key
         AND NOT EXISTS (SELECT 1 FROM posts WHERE id = comments.post_id)"
    );
    Ok(scope.execute(release.bind_rows([users(new), keys(new)])).await? > 0)
}

/// Comments that exist by an id or a key of a run.
struct Known {
    ids: HashSet<CommentId>,
    by_key: HashMap<(UserId, String), CommentId>,
}

impl Known {
    fn find(&self, comment: &New<'_>) -> Option<CommentId> {
        if self.ids.contains(&comment.id) {
            return Some(comment.id);
        }
        self.by_key.get(&(comment.user_id, comment.key?.to_owned())).copied()
    }
}

async fn find_known<S: Scope>(scope: &mut S, new: &[New<'_>]) -> StoreResult<Known> {
    let query = sql!(
        "SELECT id, author_id, idempotency_key FROM comments WHERE id " [any "$1"] "
         UNION SELECT c.id, c.author_id, c.idempotency_key
         FROM " [rows "$2" "$3" as "new" ("user_id" "key")] " " [join] " comments c
         ON c.author_id = new.user_id AND c.idempotency_key = new.key"
    );
    let rows: Vec<(i64, i64, Option<String>)> =
        scope.fetch_all(query.bind(ids(new)).bind_rows([users(new), keys(new)])).await?;
    let ids = rows.iter().map(|(id, ..)| CommentId::from_i64(*id)).collect();
    let by_key = rows
        .into_iter()
        .filter_map(|(id, author_id, key)| Some(((UserId::from_i64(author_id), key?), CommentId::from_i64(id))));
    Ok(Known { ids, by_key: by_key.collect() })
}

async fn delete<S: Scope>(scope: &mut S, batch: &mut Batch, comment_id: CommentId, user_id: UserId) -> StoreResult<()> {
    let query = sql!(
        "SELECT author_id, shard, created_at FROM comments WHERE id = $1 AND post_id = $2"
        {sqlite: "", postgres: " FOR UPDATE"}
    );
    let found: Option<(i64, i32, i64)> = scope.fetch_optional(query.bind(comment_id).bind(batch.post_id)).await?;
    let Some((author_id, shard, created_at)) = found else {
        batch.refuse(CounterOutcome::NotFound);
        return Ok(());
    };
    if !batch.may_delete_comment(user_id, UserId::from_i64(author_id)) {
        batch.refuse(CounterOutcome::Forbidden);
        return Ok(());
    }
    scope.execute(sql!("DELETE FROM comments WHERE id = $1").bind(comment_id)).await?;
    scope.execute(sql!("UPDATE deleted_id_watermark SET id = $1 WHERE id < $1").bind(comment_id)).await?;
    batch.delete_comment(Counted { shard: super::rows::shard(shard), at: Timestamp(created_at) });
    Ok(())
}
