//! Tells a reader's timeline that a follow began or ended.

use super::Graph;
use std::time::Duration;
use tessera_actors::Deadline;
use tessera_domain::UserId;

/// A timeline that has not taken the change by then gets it from the outbox.
const TIMEOUT: Duration = Duration::from_secs(2);

impl Graph {
    /// Tells the timeline of `follower` that `followee` is (or is no longer) followed, so that the next feed
    /// shows it. Called after the ledger committed; it never fails, because the outbox carries the same change
    /// and a timeline that nobody has loaded reads the ledger anyway.
    pub(super) async fn timeline_follow_changed(&self, follower: UserId, followee: UserId, now_following: bool) {
        self.recommendation_memory.outdate(follower).await;
        let deadline = Deadline::after(TIMEOUT);
        if let Err(error) = self.timelines.follow_changed(follower, followee, now_following, deadline).await {
            tracing::warn!(%follower, %error, "a timeline hears of a follow only through the outbox");
        }
    }
}
