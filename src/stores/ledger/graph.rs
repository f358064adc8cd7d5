//! Follows, blocks and mutes.

use super::{Dialect, FollowAttempt, FollowChange, Pool, Scope, SqlLedger, Statement, rows::*};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    celebrity::{CelebrityRule, PULL_AFTER_END_MS, PulledAuthor},
    event::Event,
    relations::{Relation, Relations},
    user::Relationship,
};
use tessera_ports::{
    StoreResult,
    ledger::{FollowOutcome, FollowRow, GraphLedger, MAX_FOLLOWEES},
};

#[async_trait]
impl<D: Dialect> GraphLedger for SqlLedger<D> {
    async fn follow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<FollowOutcome> {
        let edge = Edge { follower_id, followee_id, now, rule };
        self.requests.transact(edge, |scope, edge| Box::pin(follow(scope, *edge))).await
    }

    async fn unfollow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool> {
        let edge = Edge { follower_id, followee_id, now, rule };
        self.requests
            .transact(edge, |scope, edge| {
                Box::pin(async move {
                    let accounts = lock_accounts(scope, edge.follower_id, edge.followee_id).await?;
                    end_follow(scope, *edge, &accounts).await
                })
            })
            .await
    }

    async fn block(
        &self,
        blocker_id: UserId,
        blocked_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool> {
        let edge = Edge { follower_id: blocker_id, followee_id: blocked_id, now, rule };
        self.requests.transact(edge, |scope, edge| Box::pin(block(scope, *edge))).await
    }

    async fn unblock(&self, blocker_id: UserId, blocked_id: UserId) -> StoreResult<()> {
        let delete = sql!("DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2");
        self.requests.execute(delete.bind(blocker_id).bind(blocked_id)).await.map(drop)
    }

    async fn mute(&self, muter_id: UserId, muted_id: UserId, now: Timestamp) -> StoreResult<bool> {
        // One that is there is written again as it is, so that no row means that there is no such account.
        let insert = sql!(
            "INSERT INTO mutes (muter_id, muted_id, created_at)
             SELECT $1, id, $3 FROM users WHERE id = $2 AND deleted_at IS NULL
             ON CONFLICT (muter_id, muted_id) DO UPDATE SET created_at = mutes.created_at"
        );
        Ok(self.requests.execute(insert.bind(muter_id).bind(muted_id).bind(now)).await? == 1)
    }

    async fn unmute(&self, muter_id: UserId, muted_id: UserId) -> StoreResult<()> {
        let delete = sql!("DELETE FROM mutes WHERE muter_id = $1 AND muted_id = $2");
        self.requests.execute(delete.bind(muter_id).bind(muted_id)).await.map(drop)
    }

    async fn relationships(&self, viewer_id: UserId, others: &[UserId]) -> StoreResult<Vec<Relationship>> {
        // Not `EXISTS`, for which Postgres might read all followers of the viewer into memory.
        let query = sql!(
            "SELECT (SELECT true FROM follows WHERE follower_id = $1 AND followee_id = other.value) IS NOT NULL,
                    (SELECT true FROM follows WHERE follower_id = other.value AND followee_id = $1) IS NOT NULL,
                    (SELECT true FROM blocks WHERE blocker_id = $1 AND blocked_id = other.value) IS NOT NULL,
                    (SELECT true FROM blocks WHERE blocker_id = other.value AND blocked_id = $1) IS NOT NULL,
                    (SELECT true FROM mutes WHERE muter_id = $1 AND muted_id = other.value) IS NOT NULL
             FROM " [list "$2" as "other"] " ORDER BY other.key"
        );
        let relationship = |(following, followed_by, blocking, blocked_by, muting)| Relationship {
            following,
            followed_by,
            blocking,
            blocked_by,
            muting,
        };
        self.requests.fetch_all(query.bind(viewer_id).bind(others), relationship).await
    }

    async fn relations(&self, user_id: UserId, limit: usize) -> StoreResult<Option<Relations>> {
        let found = self.requests.fetch_all(relations(user_id, limit.saturating_add(1)), related).await?;
        Ok((found.len() <= limit).then(|| found.into_iter().collect()))
    }

    async fn followees(&self, user_id: UserId) -> StoreResult<Vec<UserId>> {
        let query = sql!("SELECT followee_id FROM follows WHERE follower_id = $1 LIMIT $2");
        self.requests.fetch_all(query.bind(user_id).bind(MAX_FOLLOWEES), self::user_id).await
    }

    async fn pulled_followees(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<PulledAuthor>> {
        let query = sql!(
            "SELECT f.followee_id, CASE WHEN u.celebrity THEN NULL ELSE u.celebrity_ended_at END
             FROM follows f " [join] " users u ON u.id = f.followee_id
             WHERE f.follower_id = $1 AND (u.celebrity OR u.celebrity_ended_at > $2)"
        );
        let pulled = |(id, ended): (i64, Option<i64>)| PulledAuthor {
            author_id: UserId::from_i64(id),
            ended_at: ended.map(Timestamp),
        };
        self.requests.fetch_all(query.bind(user_id).bind(now.plus_ms(-PULL_AFTER_END_MS)), pulled).await
    }

    async fn followers(&self, user_id: UserId, after: Option<i64>, limit: usize) -> StoreResult<Vec<FollowRow>> {
        let query = sql!(
            "SELECT follower_id, position FROM follows" [index "follows_by_followee"] "
             WHERE followee_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3"
        );
        let query = query.bind(user_id).bind(after.unwrap_or(i64::MAX)).bind(limit);
        self.requests.fetch_all(query, follow_row).await
    }

    async fn following(&self, user_id: UserId, after: Option<i64>, limit: usize) -> StoreResult<Vec<FollowRow>> {
        let query = sql!(
            "SELECT followee_id, position FROM follows" [index "follows_by_follower"] "
             WHERE follower_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3"
        );
        let query = query.bind(user_id).bind(after.unwrap_or(i64::MAX)).bind(limit);
        self.requests.fetch_all(query, follow_row).await
    }
}

const FOLLOWING: i64 = 0;
const BLOCKED: i64 = 1;
const MUTING: i64 = 2;

/// Everybody that somebody follows, blocks, is blocked by or mutes, and which of these it is.
pub(super) fn relations(user_id: UserId, limit: usize) -> Statement {
    sql!(
        "SELECT CAST($3 AS BIGINT), followee_id FROM follows WHERE follower_id = $1
         UNION ALL SELECT $4, blocked_id FROM blocks WHERE blocker_id = $1
         UNION ALL SELECT $4, blocker_id FROM blocks" [index "blocks_by_blocked"] " WHERE blocked_id = $1
         UNION ALL SELECT $5, muted_id FROM mutes WHERE muter_id = $1
         LIMIT $2"
    )
    .bind(user_id)
    .bind(limit)
    .bind(FOLLOWING)
    .bind(BLOCKED)
    .bind(MUTING)
}

fn related((relation, user_id): (i64, i64)) -> (Relation, UserId) {
    let relation = match relation {
        FOLLOWING => Relation::Following,
        BLOCKED => Relation::Blocked,
        _ => Relation::Muting,
    };
    (relation, UserId::from_i64(user_id))
}

fn follow_row((user_id, position): (i64, i64)) -> FollowRow {
    FollowRow { user_id: UserId::from_i64(user_id), position }
}

/// Who (would) follow whom, and when and by which rule that is decided.
#[derive(Clone, Copy)]
struct Edge {
    follower_id: UserId,
    followee_id: UserId,
    now: Timestamp,
    rule: CelebrityRule,
}

impl Edge {
    fn reversed(self) -> Self {
        Self { follower_id: self.followee_id, followee_id: self.follower_id, ..self }
    }

    /// What follows from moving the followee's count by `delta`.
    fn change(self, followee: &Account, delta: i64, event: Event) -> FollowChange {
        let celebrity = self.rule.decide(followee.celebrity, unsigned(followee.follower_count + delta));
        let mut events = vec![event];
        if celebrity != followee.celebrity {
            events.push(Event::CelebrityChanged { author_id: self.followee_id, celebrity });
        }
        FollowChange { follower_id: self.follower_id, followee_id: self.followee_id, now: self.now, celebrity, events }
    }
}

/// An account's row, locked until the end of the transaction.
#[derive(Clone, Copy, sqlx_macros::FromRow)]
struct Account {
    id: i64,
    celebrity: bool,
    follower_count: i64,
    following_count: i64,
    deleted: bool,
}

fn account(accounts: &[Account], id: UserId) -> Option<&Account> {
    accounts.iter().find(|account| account.id == id.to_i64())
}

/// Locks two accounts, in the order in which everybody does.
async fn lock_accounts<S: Scope>(scope: &mut S, one: UserId, other: UserId) -> StoreResult<Vec<Account>> {
    let query = sql!(
        "SELECT id, celebrity, follower_count, following_count, deleted_at IS NOT NULL AS deleted
         FROM users WHERE id IN ($1, $2) ORDER BY id"[lock]
    );
    scope.fetch_all(query.bind(one).bind(other)).await
}

async fn follow<S: Scope>(scope: &mut S, edge: Edge) -> StoreResult<FollowOutcome> {
    let accounts = lock_accounts(scope, edge.follower_id, edge.followee_id).await?;
    let live = |id| account(&accounts, id).filter(|account| !account.deleted);
    let (Some(follower), Some(followee)) = (live(edge.follower_id), live(edge.followee_id)) else {
        return Ok(FollowOutcome::NotFound);
    };
    let may_follow = unsigned(follower.following_count) < MAX_FOLLOWEES as u64;
    let followed = Event::Followed { follower_id: edge.follower_id, followee_id: edge.followee_id };
    Ok(match scope.insert_follow(&edge.change(followee, 1, followed), may_follow).await? {
        FollowAttempt { blocked: true, .. } => FollowOutcome::NotFound,
        FollowAttempt { written: true, .. } => FollowOutcome::Followed,
        FollowAttempt { already: true, .. } => FollowOutcome::AlreadyFollowing,
        _ => FollowOutcome::TooMany,
    })
}

/// Ends a follow between accounts that are locked; whether there was one.
async fn end_follow<S: Scope>(scope: &mut S, edge: Edge, accounts: &[Account]) -> StoreResult<bool> {
    let Some(followee) = account(accounts, edge.followee_id) else { return Ok(false) };
    let unfollowed = Event::Unfollowed { follower_id: edge.follower_id, followee_id: edge.followee_id };
    scope.delete_follow(&edge.change(followee, -1, unfollowed)).await
}

async fn block<S: Scope>(scope: &mut S, edge: Edge) -> StoreResult<bool> {
    let accounts = lock_accounts(scope, edge.follower_id, edge.followee_id).await?;
    if account(&accounts, edge.followee_id).is_none_or(|account| account.deleted) {
        return Ok(false);
    }
    let insert =
        sql!("INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
    scope.execute(insert.bind(edge.follower_id).bind(edge.followee_id).bind(edge.now)).await?;
    end_follow(scope, edge, &accounts).await?;
    end_follow(scope, edge.reversed(), &accounts).await?;
    Ok(true)
}
