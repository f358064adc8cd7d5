//! What deleted posts leave behind: how far its deletion in steps has come.
//!
//! `delete_post` deletes the post's own row and the few rows that are bounded, and writes a row of `post_purges`.
//! Nothing that belongs to the post can be added from then on, for everything that adds locks the post's row first;
//! and no read shows what is left, for every read asks for the post. Each step deletes the next rows behind the keys
//! that the row names and moves them, in one transaction; so it goes on after a crash where it was. The last step
//! deletes the row.

use super::Scope;
use tessera_domain::{
    PostId, Timestamp,
    counters::COUNTER_SHARDS,
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::StoreResult;

/// Hours of engagement that are older were purged by age.
const OLDEST_HOUR_MS: i64 = 31 * DAY_MS;
/// By how much clocks of nodes may differ, in hours of engagement.
const SKEW_MS: i64 = HOUR_MS;

/// A row of `post_purges`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx_macros::FromRow)]
pub(crate) struct PostPurge {
    pub post_id: i64,
    pub deleted_at: i64,
    /// Likes of users up to this one are gone.
    pub likes_after: i64,
    /// Comments up to this one are gone.
    pub comments_after: i64,
    /// Engagements of hours up to this one are gone.
    pub hours_after: i64,
}

impl PostPurge {
    /// The purge of a post that is being deleted, before its first step.
    pub fn new(post_id: PostId, now: Timestamp) -> Self {
        let oldest = post_id.created_at().0.max(now.0 - OLDEST_HOUR_MS) - SKEW_MS;
        let hours_after = oldest - oldest.rem_euclid(HOUR_MS) - HOUR_MS;
        Self { post_id: post_id.to_i64(), deleted_at: now.0, likes_after: -1, comments_after: -1, hours_after }
    }

    /// The next hours in which the post may have engagements: as many as have `rows` rows, but one at least. None
    /// when all are passed.
    pub fn next_hours(&self, rows: usize) -> Vec<i64> {
        let count = (rows / usize::from(COUNTER_SHARDS)).max(1);
        let hours = (1..).map(|step| self.hours_after + step * HOUR_MS);
        hours.take_while(|hour| *hour <= self.deleted_at + SKEW_MS).take(count).collect()
    }
}

/// Notes that a post was deleted now.
pub(super) async fn begin<S: Scope>(scope: &mut S, id: PostId, now: Timestamp) -> StoreResult<()> {
    let insert = sql!(
        "INSERT INTO post_purges (post_id, deleted_at, likes_after, comments_after, hours_after)
         VALUES ($1, $2, $3, $4, $5)"
    );
    let purge = PostPurge::new(id, now);
    let insert = insert.bind(purge.post_id).bind(purge.deleted_at).bind(purge.likes_after);
    scope.execute(insert.bind(purge.comments_after).bind(purge.hours_after)).await.map(drop)
}

/// Deletes up to `most` rows of the oldest deleted post that nobody else is at; `None` where there is none.
pub(super) async fn step<S: Scope>(scope: &mut S, most: usize) -> StoreResult<Option<u64>> {
    let next = sql!(
        "SELECT post_id, deleted_at, likes_after, comments_after, hours_after FROM post_purges
         ORDER BY post_id LIMIT 1"[skip_locked]
    );
    let Some(mut purge) = scope.fetch_optional::<PostPurge>(next).await? else { return Ok(None) };
    let mut gone = likes(scope, &mut purge, most).await?;
    if gone < most {
        gone += comments(scope, &mut purge, most - gone).await?;
    }
    if gone < most {
        let hours = purge.next_hours(most - gone);
        let Some(last) = hours.last().copied() else {
            scope.execute(sql!("DELETE FROM post_purges WHERE post_id = $1").bind(purge.post_id)).await?;
            return Ok(Some(gone as u64));
        };
        let delete = sql!("DELETE FROM engagement_hours WHERE post_id = $1 AND hour " [any "$2"]);
        let deleted = scope.execute(delete.bind(purge.post_id).bind(hours)).await?;
        gone += usize::try_from(deleted).unwrap_or(usize::MAX);
        purge.hours_after = last;
    }
    let update =
        sql!("UPDATE post_purges SET likes_after = $2, comments_after = $3, hours_after = $4 WHERE post_id = $1");
    let update = update.bind(purge.post_id).bind(purge.likes_after).bind(purge.comments_after);
    scope.execute(update.bind(purge.hours_after)).await?;
    Ok(Some(gone as u64))
}

async fn likes<S: Scope>(scope: &mut S, purge: &mut PostPurge, most: usize) -> StoreResult<usize> {
    let next = sql!(
        "SELECT count(*), coalesce(max(user_id), $2) FROM (
             SELECT user_id FROM likes WHERE post_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3) AS next"
    );
    let next = next.bind(purge.post_id).bind(purge.likes_after).bind(most);
    let (count, last): (i64, i64) = scope.fetch_one(next).await?;
    let delete = sql!("DELETE FROM likes WHERE post_id = $1 AND user_id > $2 AND user_id <= $3");
    scope.execute(delete.bind(purge.post_id).bind(purge.likes_after).bind(last)).await?;
    purge.likes_after = last;
    Ok(usize::try_from(count).unwrap_or(0))
}

async fn comments<S: Scope>(scope: &mut S, purge: &mut PostPurge, most: usize) -> StoreResult<usize> {
    let next = sql!(
        "SELECT count(*), coalesce(max(id), $2) FROM (
             SELECT id FROM comments WHERE post_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS next"
    );
    let next = next.bind(purge.post_id).bind(purge.comments_after).bind(most);
    let (count, last): (i64, i64) = scope.fetch_one(next).await?;
    if count > 0 {
        // While they stand they are the floor for new ids themselves.
        scope.execute(sql!("UPDATE deleted_id_watermark SET id = $1 WHERE id < $1").bind(last)).await?;
        let delete = sql!("DELETE FROM comments WHERE post_id = $1 AND id > $2 AND id <= $3");
        scope.execute(delete.bind(purge.post_id).bind(purge.comments_after).bind(last)).await?;
        purge.comments_after = last;
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_of_a_post_is_passed_once() {
        let created = Timestamp(1_773_489_600_000 + 59 * 60_000);
        let mut purge = PostPurge::new(PostId::first_at(created), created.plus_ms(30 * HOUR_MS));
        let mut passed = Vec::new();
        loop {
            let hours = purge.next_hours(100);
            assert!(hours.len() * usize::from(COUNTER_SHARDS) <= 100);
            let Some(last) = hours.last() else { break };
            purge.hours_after = *last;
            passed.extend(hours);
        }
        assert!(passed.windows(2).all(|pair| pair[1] - pair[0] == HOUR_MS));
        assert!(passed[0] <= created.0 - SKEW_MS && *passed.last().expect("some") + HOUR_MS > created.0 + 31 * HOUR_MS);
        assert_eq!(purge.next_hours(0).len(), 0);
    }

    #[test]
    fn hours_that_were_purged_by_age_are_not_asked_for() {
        let created = Timestamp(1_773_489_600_000);
        let mut purge = PostPurge::new(PostId::first_at(created), created.plus_ms(400 * DAY_MS));
        let mut hours = 0;
        while let Some(last) = purge.next_hours(8_000).last() {
            hours += (last - purge.hours_after) / HOUR_MS;
            purge.hours_after = *last;
        }
        assert!((31 * 24..31 * 24 + 4).contains(&hours), "{hours}");
    }
}
