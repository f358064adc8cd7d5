//! The hot store: fast copies of what the ledger holds. Losing all of it loses nothing.

use crate::StoreResult;
use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;
use tessera_domain::{
    PostId, UploadId, UserId,
    counters::{Counts, ShardCounts},
    post::Post,
};

/// How long a post's copy lives (docs/functions.md, section 2).
pub const POST_TTL: Duration = Duration::from_secs(3_600);
/// How long a removed post's copy is refused: far longer than a reader takes from the ledger to `put_posts`.
pub const REMOVED_TTL: Duration = Duration::from_secs(60);
/// How long a timeline's snapshot lives after its last write (docs/functions.md, section 3).
pub const TIMELINE_TTL: Duration = Duration::from_secs(86_400);

/// Copies, mirrors and snapshots. Every method is idempotent and may be retried whatever its error said.
///
/// Anything may be missing at any time: a caller falls back to the ledger and fills the copy again.
#[async_trait]
pub trait HotStore: Send + Sync + 'static {
    /// Copies of posts, one place per id in the order asked; `None` where there is no copy.
    async fn posts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Post>>>;

    /// Keeps copies for [`POST_TTL`]. A copy is left out silently where one with a later `edited_at` is kept, and
    /// where the post was removed within [`REMOVED_TTL`]: a reader that had loaded the post before the removal
    /// must not bring it back.
    async fn put_posts(&self, posts: &[Post]) -> StoreResult<()>;

    /// Drops copies and counter mirrors of these posts; returns how many entries were really removed.
    async fn remove_posts(&self, ids: &[PostId]) -> StoreResult<u64>;

    /// Totals from the mirror, one place per id in the order asked; `None` where there is no mirror. From that answer
    /// on, for a minute, a fill may start one.
    async fn counts(&self, ids: &[PostId]) -> StoreResult<Vec<Option<Counts>>>;

    /// Starts or completes a post's mirror from all of its ledger rows. To be asked for with [`HotStore::counts`]
    /// before the ledger is read: a store may ignore a fill that was not, or whose asking it has lost since, because
    /// it cannot know which updates it has lost with it.
    ///
    /// Per shard the row with the highest version stays, so racing an update never loses it.
    async fn fill_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()>;

    /// Moves shards of a mirror that exists; where there is none, none appears.
    ///
    /// A row older (by version) than what the mirror holds is ignored. Rows that come between the asking for a
    /// mirror and its fill are kept out of sight, so that a fill which read the ledger before them does not lose them.
    async fn update_counts(&self, post_id: PostId, rows: &[ShardCounts]) -> StoreResult<()>;

    /// The last snapshot of a user's timeline.
    async fn timeline(&self, user_id: UserId) -> StoreResult<Option<Bytes>>;

    /// Replaces a timeline's snapshot and keeps it for [`TIMELINE_TTL`].
    async fn put_timeline(&self, user_id: UserId, snapshot: Bytes) -> StoreResult<()>;

    /// Drops a timeline's snapshot; returns whether there was one.
    async fn remove_timeline(&self, user_id: UserId) -> StoreResult<bool>;

    /// Notes how far a media job has come, in percent; kept for an hour.
    async fn put_progress(&self, upload_id: UploadId, percent: u8) -> StoreResult<()>;

    /// How far a media job has come, in percent.
    async fn progress(&self, upload_id: UploadId) -> StoreResult<Option<u8>>;

    /// Whether the store answers.
    async fn check(&self) -> StoreResult<()>;
}
