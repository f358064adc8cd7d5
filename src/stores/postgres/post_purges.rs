//! The steps in which a deleted post's rows are deleted ([`crate::post_purges`]).

use super::{rows::*, transaction::Scope};
use crate::post_purges::PostPurge;
use tessera_ports::StoreResult;

/// Deletes up to `most` rows of the oldest deleted post that nobody else is at; `None` where there is none.
pub(super) async fn step(scope: &mut Scope, most: usize) -> StoreResult<Option<u64>> {
    let next = sqlx::query_as::<_, PostPurge>(
        "SELECT post_id, deleted_at, likes_after, comments_after, hours_after FROM post_purges
         ORDER BY post_id LIMIT 1 FOR UPDATE SKIP LOCKED",
    );
    let Some(mut purge) = scope.fetch_optional(next).await? else { return Ok(None) };
    let mut gone = likes(scope, &mut purge, most).await?;
    if gone < most {
        gone += comments(scope, &mut purge, most - gone).await?;
    }
    if gone < most {
        let hours = purge.next_hours(most - gone);
        let Some(last) = hours.last().copied() else {
            let end = sqlx::query("DELETE FROM post_purges WHERE post_id = $1");
            scope.execute(end.bind(purge.post_id)).await?;
            return Ok(Some(gone as u64));
        };
        let delete = sqlx::query("DELETE FROM engagement_hours WHERE post_id = $1 AND hour = ANY($2)");
        let deleted = scope.execute(delete.bind(purge.post_id).bind(hours)).await?;
        gone += usize::try_from(deleted).unwrap_or(usize::MAX);
        purge.hours_after = last;
    }
    let update = sqlx::query(
        "UPDATE post_purges SET likes_after = $2, comments_after = $3, hours_after = $4 WHERE post_id = $1",
    );
    let update = update.bind(purge.post_id).bind(purge.likes_after).bind(purge.comments_after).bind(purge.hours_after);
    scope.execute(update).await?;
    Ok(Some(gone as u64))
}

async fn likes(scope: &mut Scope, purge: &mut PostPurge, most: usize) -> StoreResult<usize> {
    let next = sqlx::query_as(
        "SELECT count(*), coalesce(max(user_id), $2) FROM (
             SELECT user_id FROM likes WHERE post_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3) AS next",
    );
    let next = next.bind(purge.post_id).bind(purge.likes_after).bind(limit(most));
    let (count, last): (i64, i64) = scope.fetch_one(next).await?;
    let delete = sqlx::query("DELETE FROM likes WHERE post_id = $1 AND user_id > $2 AND user_id <= $3");
    scope.execute(delete.bind(purge.post_id).bind(purge.likes_after).bind(last)).await?;
    purge.likes_after = last;
    Ok(usize::try_from(count).unwrap_or(0))
}

async fn comments(scope: &mut Scope, purge: &mut PostPurge, most: usize) -> StoreResult<usize> {
    let next = sqlx::query_as(
        "SELECT count(*), coalesce(max(id), $2) FROM (
             SELECT id FROM comments WHERE post_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS next",
    );
    let next = next.bind(purge.post_id).bind(purge.comments_after).bind(limit(most));
    let (count, last): (i64, i64) = scope.fetch_one(next).await?;
    if count > 0 {
        // While they stand they are the floor for new ids themselves.
        let watermark = sqlx::query("UPDATE deleted_id_watermark SET id = $1 WHERE id < $1");
        scope.execute(watermark.bind(last)).await?;
        let delete = sqlx::query("DELETE FROM comments WHERE post_id = $1 AND id > $2 AND id <= $3");
        scope.execute(delete.bind(purge.post_id).bind(purge.comments_after).bind(last)).await?;
        purge.comments_after = last;
    }
    Ok(usize::try_from(count).unwrap_or(0))
}
