//! Who follows, blocks and mutes whom.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    celebrity::{CelebrityRule, PulledAuthor},
    relations::Relations,
    user::Relationship,
};

/// The most accounts that one account may follow. It bounds what a timeline's catch-up reads.
pub const MAX_FOLLOWEES: usize = 7_500;

/// What became of [`GraphLedger::follow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowOutcome {
    /// New. `Followed`, and `CelebrityChanged` where the threshold was crossed, were recorded.
    Followed,
    /// It was so already; nothing changed.
    AlreadyFollowing,
    /// The account does not exist, was deleted, or one blocks the other.
    NotFound,
    /// The follower follows [`MAX_FOLLOWEES`] accounts already.
    TooMany,
}

/// A page of a follower or following list: account and the position to continue after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowRow {
    /// The account on the other side.
    pub user_id: UserId,
    /// Grows with time of following; unique within one account's list. The list is newest first.
    pub position: i64,
}

/// The social graph. Counts on both accounts move in the same transaction as the edge.
///
/// A follow that takes effect decides the followee's celebrity flag by `rule`; so does one that ends.
/// Following, blocking or muting oneself is a defect of the caller and `Refused`.
#[async_trait]
pub trait GraphLedger: Send + Sync + 'static {
    async fn follow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<FollowOutcome>;

    /// Unfollows, recording `Unfollowed`; returns whether there was anything to undo.
    async fn unfollow(
        &self,
        follower_id: UserId,
        followee_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool>;

    /// Blocks, ending follows both ways (each recorded as `Unfollowed`). Idempotent.
    /// Returns false where the account does not exist.
    async fn block(
        &self,
        blocker_id: UserId,
        blocked_id: UserId,
        now: Timestamp,
        rule: CelebrityRule,
    ) -> StoreResult<bool>;

    /// Lifts a block. Follows do not come back.
    async fn unblock(&self, blocker_id: UserId, blocked_id: UserId) -> StoreResult<()>;

    /// Mutes. Idempotent. Returns false where the account does not exist.
    async fn mute(&self, muter_id: UserId, muted_id: UserId, now: Timestamp) -> StoreResult<bool>;

    async fn unmute(&self, muter_id: UserId, muted_id: UserId) -> StoreResult<()>;

    /// How `viewer_id` stands to each of `others`, in the order asked.
    async fn relationships(&self, viewer_id: UserId, others: &[UserId]) -> StoreResult<Vec<Relationship>>;

    /// Everybody that `user_id` follows or mutes, and all blocks of theirs either way; `None` where there are more than
    /// `limit`.
    async fn relations(&self, user_id: UserId, limit: usize) -> StoreResult<Option<Relations>>;

    /// Everybody that `user_id` follows, at most [`MAX_FOLLOWEES`], in any order.
    async fn followees(&self, user_id: UserId) -> StoreResult<Vec<UserId>>;

    /// Those of `user_id`'s followees whose posts are pulled at `now` (`domain::celebrity::is_pulled`).
    async fn pulled_followees(&self, user_id: UserId, now: Timestamp) -> StoreResult<Vec<PulledAuthor>>;

    /// Followers, newest first, after `after` (a row's position).
    async fn followers(&self, user_id: UserId, after: Option<i64>, limit: usize) -> StoreResult<Vec<FollowRow>>;

    /// Followees, newest first, after `after` (a row's position).
    async fn following(&self, user_id: UserId, after: Option<i64>, limit: usize) -> StoreResult<Vec<FollowRow>>;
}
