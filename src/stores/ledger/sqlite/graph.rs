//! Follows, statement by statement.

use super::writer::WriteScope;
use crate::ledger::{FollowAttempt, FollowChange, FollowWrites, Scope};
use tessera_ports::StoreResult;

impl FollowWrites for WriteScope {
    async fn insert_follow(&mut self, change: &FollowChange, may_follow: bool) -> StoreResult<FollowAttempt> {
        let state = sql!(
            "SELECT EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $1 AND blocked_id = $2)
                 OR EXISTS (SELECT 1 FROM blocks WHERE blocker_id = $2 AND blocked_id = $1),
                 EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = $2)"
        );
        let state = state.bind(change.follower_id).bind(change.followee_id);
        let (blocked, already): (bool, bool) = self.fetch_one(state).await?;
        let written = may_follow && !blocked && !already;
        if written {
            let insert = sql!("INSERT INTO follows (follower_id, followee_id, created_at) VALUES ($1, $2, $3)");
            let insert = insert.bind(change.follower_id).bind(change.followee_id).bind(change.now);
            self.execute(insert).await?;
            move_counts(self, change, 1).await?;
        }
        Ok(FollowAttempt { blocked, written, already })
    }

    async fn delete_follow(&mut self, change: &FollowChange) -> StoreResult<bool> {
        let delete = sql!("DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2");
        if self.execute(delete.bind(change.follower_id).bind(change.followee_id)).await? == 0 {
            return Ok(false);
        }
        move_counts(self, change, -1).await?;
        Ok(true)
    }
}

async fn move_counts(scope: &mut WriteScope, change: &FollowChange, delta: i64) -> StoreResult<()> {
    let follower = sql!("UPDATE users SET following_count = following_count + $2 WHERE id = $1");
    scope.execute(follower.bind(change.follower_id).bind(delta)).await?;
    let followee = sql!(
        "UPDATE users SET follower_count = follower_count + $2, celebrity = $3,
             celebrity_ended_at = iif(celebrity AND NOT $3, $4, celebrity_ended_at)
         WHERE id = $1"
    );
    let followee = followee.bind(change.followee_id).bind(delta).bind(change.celebrity).bind(change.now);
    scope.execute(followee).await?;
    for event in &change.events {
        scope.record(event).await?;
    }
    Ok(())
}
