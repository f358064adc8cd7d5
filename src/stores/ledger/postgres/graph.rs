//! Follows, each in one statement.

use super::transaction::{TransactionScope, stored_events};
use crate::ledger::{FollowAttempt, FollowChange, FollowWrites, Scope};
use tessera_ports::StoreResult;

impl FollowWrites for TransactionScope {
    async fn insert_follow(&mut self, change: &FollowChange, may_follow: bool) -> StoreResult<FollowAttempt> {
        let write = sql!(
            "WITH blocked AS (
                 SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $1 AND blocked_id = $2)
                     OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1) AS either_way),
             written AS (
                 INSERT INTO follows (follower_id, followee_id, created_at)
                 SELECT $1, $2, $3 FROM blocked WHERE NOT blocked.either_way AND $4
                 ON CONFLICT DO NOTHING RETURNING 1),
             following AS (
                 UPDATE users SET following_count = following_count + 1 WHERE id = $1 AND EXISTS (TABLE written)),
             followed AS (
                 UPDATE users SET follower_count = follower_count + 1, celebrity = $5,
                 celebrity_ended_at = CASE WHEN celebrity AND NOT $5 THEN $3 ELSE celebrity_ended_at END
                 WHERE id = $2 AND EXISTS (TABLE written)),
             told AS (
                 INSERT INTO outbox (event) SELECT * FROM unnest($6) WHERE EXISTS (TABLE written))
             SELECT blocked.either_way, EXISTS (TABLE written),
                    EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = $2) FROM blocked"
        );
        let write = write.bind(change.follower_id).bind(change.followee_id).bind(change.now).bind(may_follow);
        let write = write.bind(change.celebrity).bind(stored_events(&change.events)?);
        let (blocked, written, already): (bool, bool, bool) = self.fetch_one(write).await?;
        self.wakes_outbox |= written;
        Ok(FollowAttempt { blocked, written, already })
    }

    async fn delete_follow(&mut self, change: &FollowChange) -> StoreResult<bool> {
        let write = sql!(
            "WITH ended AS (DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2 RETURNING 1),
             following AS (
                 UPDATE users SET following_count = following_count - 1 WHERE id = $1 AND EXISTS (TABLE ended)),
             followed AS (
                 UPDATE users SET follower_count = follower_count - 1, celebrity = $4,
                 celebrity_ended_at = CASE WHEN celebrity AND NOT $4 THEN $3 ELSE celebrity_ended_at END
                 WHERE id = $2 AND EXISTS (TABLE ended)),
             told AS (
                 INSERT INTO outbox (event) SELECT * FROM unnest($5) WHERE EXISTS (TABLE ended))
             SELECT EXISTS (TABLE ended)"
        );
        let write = write.bind(change.follower_id).bind(change.followee_id).bind(change.now).bind(change.celebrity);
        let (ended,): (bool,) = self.fetch_one(write.bind(stored_events(&change.events)?)).await?;
        self.wakes_outbox |= ended;
        Ok(ended)
    }
}
