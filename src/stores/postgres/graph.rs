//! Follows, blocks and mutes.
//!
//! Whatever moves two accounts' counts first locks both rows, the lower id first. That decides between a follow and a
//! block at the same moment, keeps counts and the celebrity flag exact, and is why `follows` needs no foreign keys.

use super::{PostgresLedger, rows::*, transaction::Scope};
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
impl GraphLedger for PostgresLedger {
    async fn follow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<FollowOutcome> {
        let edge = Edge { follower_id, followee_id, now, rule };
        self.transact(&self.front, edge, |scope, edge| Box::pin(follow(scope, *edge))).await
    }

    async fn unfollow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool> {
        let edge = Edge { follower_id, followee_id, now, rule };
        self.transact(&self.front, edge, |scope, edge| {
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
        self.transact(&self.front, edge, |scope, edge| Box::pin(block(scope, *edge))).await
    }

    async fn unblock(&self, blocker_id: UserId, blocked_id: UserId) -> StoreResult<()> {
        let delete = sqlx::query("DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2");
        self.front.execute(delete.bind(blocker_id.to_i64()).bind(blocked_id.to_i64())).await.map(|_| ())
    }

    async fn mute(&self, muter_id: UserId, muted_id: UserId, now: Timestamp) -> StoreResult<bool> {
        let insert = sqlx::query_as(
            "WITH muted AS (SELECT id FROM users WHERE id = $2 AND deleted_at IS NULL),
             written AS (
                 INSERT INTO mutes (muter_id, muted_id, created_at) SELECT $1, id, $3 FROM muted
                 ON CONFLICT DO NOTHING)
             SELECT count(*) FROM muted",
        );
        let insert = insert.bind(muter_id.to_i64()).bind(muted_id.to_i64()).bind(now.0);
        let (exists,): (i64,) = self.front.fetch_one(super::lane::Effect::Write, insert).await?;
        Ok(exists == 1)
    }

    async fn unmute(&self, muter_id: UserId, muted_id: UserId) -> StoreResult<()> {
        let delete = sqlx::query("DELETE FROM mutes WHERE muter_id = $1 AND muted_id = $2");
        self.front.execute(delete.bind(muter_id.to_i64()).bind(muted_id.to_i64())).await.map(|_| ())
    }

    async fn relationships(&self, viewer_id: UserId, others: &[UserId]) -> StoreResult<Vec<Relationship>> {
        // Not `EXISTS`, for which Postgres might read all followers of the viewer into memory.
        let query = sqlx::query_as(
            "SELECT (SELECT true FROM follows WHERE follower_id = $1 AND followee_id = other.id) IS NOT NULL,
                    (SELECT true FROM follows WHERE follower_id = other.id AND followee_id = $1) IS NOT NULL,
                    (SELECT true FROM blocks WHERE blocker_id = $1 AND blocked_id = other.id) IS NOT NULL,
                    (SELECT true FROM blocks WHERE blocker_id = other.id AND blocked_id = $1) IS NOT NULL,
                    (SELECT true FROM mutes WHERE muter_id = $1 AND muted_id = other.id) IS NOT NULL
             FROM unnest($2::bigint[]) WITH ORDINALITY AS other (id, place) ORDER BY other.place",
        );
        let others: Vec<i64> = others.iter().map(|id| id.to_i64()).collect();
        let rows: Vec<(bool, bool, bool, bool, bool)> =
            self.fetch_all(query.bind(viewer_id.to_i64()).bind(others)).await?;
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
        let query = sqlx::query_as("SELECT followee_id FROM follows WHERE follower_id = $1 LIMIT $2");
        let rows: Vec<(i64,)> = self.fetch_all(query.bind(user_id.to_i64()).bind(limit(MAX_FOLLOWEES))).await?;
        Ok(rows.into_iter().map(|(id,)| UserId::from_i64(id)).collect())
    }

    async fn pulled_followees(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<PulledAuthor>> {
        let query = sqlx::query_as(
            "SELECT u.id, CASE WHEN u.celebrity THEN NULL ELSE u.celebrity_ended_at END
             FROM follows f JOIN users u ON u.id = f.followee_id
             WHERE f.follower_id = $1 AND (u.celebrity OR u.celebrity_ended_at > $2)",
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
            "SELECT follower_id, position FROM follows
             WHERE followee_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3",
        );
        let query = query.bind(user_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(follow_row).collect())
    }

    async fn following(&self, user_id: UserId, after: Option<i64>, page: usize) -> StoreResult<Vec<FollowRow>> {
        let query = sqlx::query_as(
            "SELECT followee_id, position FROM follows
             WHERE follower_id = $1 AND position < $2 ORDER BY position DESC LIMIT $3",
        );
        let query = query.bind(user_id.to_i64()).bind(after.unwrap_or(i64::MAX)).bind(limit(page));
        Ok(self.fetch_all(query).await?.into_iter().map(follow_row).collect())
    }
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
}

/// An account's row, locked until the end of the transaction.
#[derive(Clone, Copy, sqlx::FromRow)]
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
async fn lock_accounts(scope: &mut Scope, one: UserId, other: UserId) -> StoreResult<Vec<Account>> {
    let query = sqlx::query_as(
        "SELECT id, celebrity, follower_count, following_count, deleted_at IS NOT NULL AS deleted
         FROM users WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE",
    );
    scope.fetch_all(query.bind(one.to_i64()).bind(other.to_i64())).await
}

async fn follow(scope: &mut Scope, edge: Edge) -> StoreResult<FollowOutcome> {
    let accounts = lock_accounts(scope, edge.follower_id, edge.followee_id).await?;
    let live = |id| account(&accounts, id).filter(|account| !account.deleted);
    let (Some(follower), Some(followee)) = (live(edge.follower_id), live(edge.followee_id)) else {
        return Ok(FollowOutcome::NotFound);
    };
    let is_full = unsigned(follower.following_count) >= MAX_FOLLOWEES as u64;
    let (celebrity, mut events) = decide(edge, followee, 1);
    events.insert(0, Event::Followed { follower_id: edge.follower_id, followee_id: edge.followee_id });
    let write = sqlx::query_as(
        "WITH blocked AS (
             SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $1 AND blocked_id = $2)
                 OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1) AS either_way),
         written AS (
             INSERT INTO follows (follower_id, followee_id, created_at)
             SELECT $1, $2, $3 FROM blocked WHERE NOT blocked.either_way AND NOT $4
             ON CONFLICT DO NOTHING RETURNING 1),
         following AS (
             UPDATE users SET following_count = following_count + 1 WHERE id = $1 AND EXISTS (TABLE written)),
         followed AS (
             UPDATE users SET follower_count = follower_count + 1, celebrity = $5,
             celebrity_ended_at = CASE WHEN celebrity AND NOT $5 THEN $3 ELSE celebrity_ended_at END
             WHERE id = $2 AND EXISTS (TABLE written)),
         told AS (
             INSERT INTO outbox (event) SELECT * FROM unnest($6::text[]) WHERE EXISTS (TABLE written))
         SELECT blocked.either_way, EXISTS (TABLE written),
                EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = $2) FROM blocked",
    );
    let events = scope.events(&events)?;
    let write = write
        .bind(edge.follower_id.to_i64())
        .bind(edge.followee_id.to_i64())
        .bind(edge.now.0)
        .bind(is_full)
        .bind(celebrity)
        .bind(events);
    let (blocked, written, already): (bool, bool, bool) = scope.fetch_one(write).await?;
    scope.wakes_outbox = written;
    Ok(match (blocked, written, already) {
        (true, ..) => FollowOutcome::NotFound,
        (_, true, _) => FollowOutcome::Followed,
        (_, _, true) => FollowOutcome::AlreadyFollowing,
        _ => FollowOutcome::TooMany,
    })
}

/// What the followee is after its count moves by `delta`, and the event that tells of it where that is new.
fn decide(edge: Edge, followee: &Account, delta: i64) -> (bool, Vec<Event>) {
    let celebrity = edge.rule.decide(followee.celebrity, unsigned(followee.follower_count + delta));
    let changed = Event::CelebrityChanged { author_id: edge.followee_id, celebrity };
    (celebrity, if celebrity == followee.celebrity { Vec::new() } else { vec![changed] })
}

/// Ends a follow between accounts that are locked; whether there was one.
async fn end_follow(scope: &mut Scope, edge: Edge, accounts: &[Account]) -> StoreResult<bool> {
    let Some(followee) = account(accounts, edge.followee_id) else { return Ok(false) };
    let (celebrity, mut events) = decide(edge, followee, -1);
    events.insert(0, Event::Unfollowed { follower_id: edge.follower_id, followee_id: edge.followee_id });
    let write = sqlx::query_as(
        "WITH ended AS (DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2 RETURNING 1),
         following AS (
             UPDATE users SET following_count = following_count - 1 WHERE id = $1 AND EXISTS (TABLE ended)),
         followed AS (
             UPDATE users SET follower_count = follower_count - 1, celebrity = $4,
             celebrity_ended_at = CASE WHEN celebrity AND NOT $4 THEN $3 ELSE celebrity_ended_at END
             WHERE id = $2 AND EXISTS (TABLE ended)),
         told AS (
             INSERT INTO outbox (event) SELECT * FROM unnest($5::text[]) WHERE EXISTS (TABLE ended))
         SELECT EXISTS (TABLE ended)",
    );
    let wakes_outbox = scope.wakes_outbox;
    let events = scope.events(&events)?;
    let write = write
        .bind(edge.follower_id.to_i64())
        .bind(edge.followee_id.to_i64())
        .bind(edge.now.0)
        .bind(celebrity)
        .bind(events);
    let (ended,): (bool,) = scope.fetch_one(write).await?;
    scope.wakes_outbox = wakes_outbox || ended;
    Ok(ended)
}

async fn block(scope: &mut Scope, edge: Edge) -> StoreResult<bool> {
    let accounts = lock_accounts(scope, edge.follower_id, edge.followee_id).await?;
    if account(&accounts, edge.followee_id).is_none_or(|account| account.deleted) {
        return Ok(false);
    }
    let insert = sqlx::query(
        "INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    );
    let insert = insert.bind(edge.follower_id.to_i64()).bind(edge.followee_id.to_i64()).bind(edge.now.0);
    scope.execute(insert).await?;
    end_follow(scope, edge, &accounts).await?;
    end_follow(scope, edge.reversed(), &accounts).await?;
    Ok(true)
}
