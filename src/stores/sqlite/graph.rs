//! Follows, blocks and mutes.

use super::{SqliteLedger, rows::*, writer::WriteScope};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    celebrity::{CelebrityRule, PULL_AFTER_END_MS, PulledAuthor},
    event::Event,
    user::Relationship,
};
use tessera_ports::{
    StoreResult,
    ledger::{FollowOutcome, FollowRow, GraphLedger, MAX_FOLLOWEES},
};

#[async_trait]
impl GraphLedger for SqliteLedger {
    async fn follow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<FollowOutcome> {
        self.write(move |scope| Box::pin(follow(scope, follower_id, followee_id, now, rule))).await
    }

    async fn unfollow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool> {
        self.write(move |scope| Box::pin(end_follow(scope, follower_id, followee_id, now, rule))).await
    }

    async fn block(
        &self,
        blocker_id: UserId,
        blocked_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool> {
        self.write(move |scope| {
            Box::pin(async move {
                if !exists(scope, blocked_id).await? {
                    return Ok(false);
                }
                let insert = sqlx::query(
                    "INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                );
                scope.execute(insert.bind(blocker_id.to_i64()).bind(blocked_id.to_i64()).bind(now.0)).await?;
                end_follow(scope, blocker_id, blocked_id, now, rule).await?;
                end_follow(scope, blocked_id, blocker_id, now, rule).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn unblock(&self, blocker_id: UserId, blocked_id: UserId) -> StoreResult<()> {
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2");
                scope.execute(delete.bind(blocker_id.to_i64()).bind(blocked_id.to_i64())).await.map(|_| ())
            })
        })
        .await
    }

    async fn mute(&self, muter_id: UserId, muted_id: UserId, now: Timestamp) -> StoreResult<bool> {
        self.write(move |scope| {
            Box::pin(async move {
                if !exists(scope, muted_id).await? {
                    return Ok(false);
                }
                let insert = sqlx::query(
                    "INSERT INTO mutes (muter_id, muted_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                );
                scope.execute(insert.bind(muter_id.to_i64()).bind(muted_id.to_i64()).bind(now.0)).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn unmute(&self, muter_id: UserId, muted_id: UserId) -> StoreResult<()> {
        self.write(move |scope| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM mutes WHERE muter_id = ?1 AND muted_id = ?2");
                scope.execute(delete.bind(muter_id.to_i64()).bind(muted_id.to_i64())).await.map(|_| ())
            })
        })
        .await
    }

    async fn relationships(&self, viewer_id: UserId, others: &[UserId]) -> StoreResult<Vec<Relationship>> {
        let query = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followee_id = other.value),
                    EXISTS (SELECT 1 FROM follows WHERE follower_id = other.value AND followee_id = ?1),
                    EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?1 AND blocked_id = other.value),
                    EXISTS (SELECT 1 FROM blocks WHERE blocker_id = other.value AND blocked_id = ?1),
                    EXISTS (SELECT 1 FROM mutes WHERE muter_id = ?1 AND muted_id = other.value)
             FROM json_each(?2) AS other ORDER BY other.key",
        );
        let query = query.bind(viewer_id.to_i64()).bind(json_list(others.iter().map(|id| id.to_i64())));
        let rows: Vec<(bool, bool, bool, bool, bool)> = self.fetch_all(query).await?;
        let relationship = |(following, followed_by, blocking, blocked_by, muting)| Relationship {
            following,
            followed_by,
            blocking,
            blocked_by,
            muting,
        };
        Ok(rows.into_iter().map(relationship).collect())
    }

    async fn followees(&self, user_id: UserId) -> StoreResult<Vec<UserId>> {
        let query = sqlx::query_as("SELECT followee_id FROM follows WHERE follower_id = ?1 LIMIT ?2");
        let rows: Vec<(i64,)> = self.fetch_all(query.bind(user_id.to_i64()).bind(limit(MAX_FOLLOWEES))).await?;
        Ok(rows.into_iter().map(|(id,)| UserId::from_i64(id)).collect())
    }

    async fn pulled_followees(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<PulledAuthor>> {
        let query = sqlx::query_as(
            "SELECT f.followee_id, iif(u.celebrity, NULL, u.celebrity_ended_at)
             FROM follows f CROSS JOIN users u ON u.id = f.followee_id
             WHERE f.follower_id = ?1 AND (u.celebrity = 1 OR u.celebrity_ended_at > ?2)",
        );
        let query = query.bind(user_id.to_i64()).bind(now.plus_ms(-PULL_AFTER_END_MS).0);
        let rows: Vec<(i64, Option<i64>)> = self.fetch_all(query).await?;
        let pulled = |(id, ended): (i64, Option<i64>)| PulledAuthor {
            author_id: UserId::from_i64(id),
            ended_at: ended.map(Timestamp),
        };
        Ok(rows.into_iter().map(pulled).collect())
    }

    async fn followers(&self, user_id: UserId, after: Option<i64>, page: usize) -> StoreResult<Vec<FollowRow>> {
        let query = sqlx::query_as(
            "SELECT follower_id, position FROM follows INDEXED BY follows_by_followee
             WHERE followee_id = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3",
        );
        let query = query.bind(user_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(follow_row).collect())
    }

    async fn following(&self, user_id: UserId, after: Option<i64>, page: usize) -> StoreResult<Vec<FollowRow>> {
        let query = sqlx::query_as(
            "SELECT followee_id, position FROM follows INDEXED BY follows_by_follower
             WHERE follower_id = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3",
        );
        let query = query.bind(user_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(follow_row).collect())
    }
}

fn follow_row((user_id, position): (i64, i64)) -> FollowRow {
    FollowRow { user_id: UserId::from_i64(user_id), position }
}

async fn exists(scope: &mut WriteScope, user_id: UserId) -> StoreResult<bool> {
    let query = sqlx::query_scalar("SELECT count(*) FROM users WHERE id = ?1 AND deleted_at IS NULL");
    Ok(scope.count(query.bind(user_id.to_i64())).await? > 0)
}

async fn follow(
    scope: &mut WriteScope,
    follower_id: UserId,
    followee_id: UserId,
    now: Timestamp,
    rule: CelebrityRule,
) -> StoreResult<FollowOutcome> {
    let state = sqlx::query_as(
        "SELECT follower.following_count,
                EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2)
                OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = ?2 AND blocked_id = ?1),
                EXISTS (SELECT 1 FROM follows WHERE follower_id = ?1 AND followee_id = ?2)
         FROM users follower, users followee
         WHERE follower.id = ?1 AND follower.deleted_at IS NULL AND followee.id = ?2 AND followee.deleted_at IS NULL",
    );
    let state: Option<(i64, bool, bool)> =
        scope.fetch_optional(state.bind(follower_id.to_i64()).bind(followee_id.to_i64())).await?;
    match state {
        None | Some((_, true, _)) => return Ok(FollowOutcome::NotFound),
        Some((_, _, true)) => return Ok(FollowOutcome::AlreadyFollowing),
        Some((following_count, ..)) if unsigned(following_count) >= MAX_FOLLOWEES as u64 => {
            return Ok(FollowOutcome::TooMany);
        }
        Some(_) => {}
    }
    let insert = sqlx::query("INSERT INTO follows (follower_id, followee_id, created_at) VALUES (?1, ?2, ?3)");
    scope.execute(insert.bind(follower_id.to_i64()).bind(followee_id.to_i64()).bind(now.0)).await?;
    scope.record(&Event::Followed { follower_id, followee_id }).await?;
    move_counts(scope, follower_id, followee_id, 1, now, rule).await?;
    Ok(FollowOutcome::Followed)
}

async fn end_follow(
    scope: &mut WriteScope,
    follower_id: UserId,
    followee_id: UserId,
    now: Timestamp,
    rule: CelebrityRule,
) -> StoreResult<bool> {
    let delete = sqlx::query("DELETE FROM follows WHERE follower_id = ?1 AND followee_id = ?2");
    if scope.execute(delete.bind(follower_id.to_i64()).bind(followee_id.to_i64())).await? == 0 {
        return Ok(false);
    }
    scope.record(&Event::Unfollowed { follower_id, followee_id }).await?;
    move_counts(scope, follower_id, followee_id, -1, now, rule).await?;
    Ok(true)
}

/// Moves both accounts' counts by `delta` and decides the followee's celebrity flag anew.
async fn move_counts(
    scope: &mut WriteScope,
    follower_id: UserId,
    followee_id: UserId,
    delta: i64,
    now: Timestamp,
    rule: CelebrityRule,
) -> StoreResult<()> {
    let follower = sqlx::query("UPDATE users SET following_count = following_count + ?2 WHERE id = ?1");
    scope.execute(follower.bind(follower_id.to_i64()).bind(delta)).await?;
    let followee =
        sqlx::query_as::<_, UserRow>("UPDATE users SET follower_count = follower_count + ?2 WHERE id = ?1 RETURNING *");
    let followee = scope.fetch_one(followee.bind(followee_id.to_i64()).bind(delta)).await?;
    let celebrity = rule.decide(followee.celebrity, unsigned(followee.follower_count));
    if celebrity == followee.celebrity {
        return Ok(());
    }
    let flag = sqlx::query(
        "UPDATE users SET celebrity = ?2, celebrity_ended_at = iif(?2, celebrity_ended_at, ?3) WHERE id = ?1",
    );
    scope.execute(flag.bind(followee_id.to_i64()).bind(celebrity).bind(now.0)).await?;
    scope.record(&Event::CelebrityChanged { author_id: followee_id, celebrity }).await
}
