//! Likes, comments and the counters that move with them.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    CommentId, PostId, Timestamp, UserId,
    counters::{CounterOperation, CounterOutcome, Counts, ShardCounts},
    post::{Comment, PostRef},
};

/// What a group commit of one counter did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterBatch {
    /// What became of each operation, in order.
    pub outcomes: Vec<CounterOutcome>,
    /// The rows that the batch moved, with their new absolute values, for the mirror.
    pub rows: Vec<ShardCounts>,
    /// The post's totals over all shards, right after the batch.
    pub totals: Counts,
}

/// One entry of a likers page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikeRow {
    pub user_id: UserId,
    /// Grows with the time of the like; unique within a post. The list is newest first.
    pub position: i64,
}

/// Likes a post got in one hour: enough to fill a decayed window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngagementHour {
    /// The post and its author.
    pub post: PostRef,
    /// Start of the hour.
    pub hour: Timestamp,
    /// Likes plus comments in it.
    pub engagements: u64,
}

/// How many counts of a post and hour (and counter shard, where they are apart) are looked at for the strongest;
/// stands in the statement as well, so that it is planned for it.
pub const STRONGEST_HOURS: usize = 8_000;

/// How many comments are looked at for who wrote them.
pub const SEARCHED_COMMENTS: usize = 1_000;

#[async_trait]
pub trait EngagementLedger: Send + Sync + 'static {
    /// Applies operations in order in one transaction: the unique `(post, user)` decides who counts, the
    /// absolute values move with it, and one `Engaged` event is recorded for all that was new.
    ///
    /// A like is counted in `shard` and remembers it; an unlike takes it from where it was counted.
    /// An operation on a missing post gives `NotFound` and does not disturb the others.
    async fn apply_counter_batch(
        &self,
        post_id: PostId,
        shard: u16,
        operations: &[CounterOperation],
        now: Timestamp,
    ) -> StoreResult<CounterBatch>;

    /// All counter rows of these posts; a post without any has no row.
    async fn shard_counts(&self, ids: &[PostId]) -> StoreResult<Vec<(PostId, ShardCounts)>>;

    /// Those of `ids` that `user_id` likes, in any order.
    async fn liked_by(&self, user_id: UserId, ids: &[PostId]) -> StoreResult<Vec<PostId>>;

    /// Who likes a post, newest first, after `after` (a row's position).
    async fn likers(&self, post_id: PostId, after: Option<i64>, limit: usize) -> StoreResult<Vec<LikeRow>>;

    /// Comments of a post, oldest first, after `after`.
    async fn comments(&self, post_id: PostId, after: Option<CommentId>, limit: usize) -> StoreResult<Vec<Comment>>;

    /// Who wrote the comments on a post that came before `before`, the latest first, each once and `except` left out;
    /// of the latest [`SEARCHED_COMMENTS`].
    async fn commenters(
        &self,
        post_id: PostId,
        before: CommentId,
        except: UserId,
        limit: usize,
    ) -> StoreResult<Vec<UserId>>;

    /// One comment, unless it was deleted.
    async fn comment(&self, id: CommentId) -> StoreResult<Option<Comment>>;

    /// Likes and comments that stand (were not taken back) on posts of public accounts, by post and hour, from
    /// the hour that `since` falls into on, strongest first; of the [`STRONGEST_HOURS`] counts of the highest
    /// magnitude.
    async fn engagement_hours(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<EngagementHour>>;
}
