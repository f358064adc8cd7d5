//! Writes that each database makes in its own way, by area.

use std::collections::BTreeMap;
use tessera_domain::{
    PostId, Timestamp, UserId,
    counters::{
        Counts, ShardCounts,
        batch::{Batch, Counted},
    },
    event::Event,
};
use tessera_ports::{StoreResult, ledger::Embedding};

/// How a follow and what moves with it are written: in Postgres as one statement, because everybody who follows the
/// same account waits meanwhile.
pub trait FollowWrites: Send {
    /// Follows, unless one has blocked the other or `may_follow` is false.
    fn insert_follow(
        &mut self,
        change: &FollowChange,
        may_follow: bool,
    ) -> impl Future<Output = StoreResult<FollowAttempt>> + Send;

    /// Ends a follow; whether there was one.
    fn delete_follow(&mut self, change: &FollowChange) -> impl Future<Output = StoreResult<bool>> + Send;
}

/// A follow that begins or ends, between accounts that are locked.
pub struct FollowChange {
    pub follower_id: UserId,
    pub followee_id: UserId,
    pub now: Timestamp,
    /// Whether the followee is a celebrity then.
    pub celebrity: bool,
    /// What is told of it.
    pub events: Vec<Event>,
}

/// What became of an attempt to follow.
pub struct FollowAttempt {
    /// One has blocked the other.
    pub blocked: bool,
    pub written: bool,
    /// There was a follow before.
    pub already: bool,
}

/// How likes, and all that a batch moves, are written: in Postgres each in one statement, because a batch's latency is
/// that of its round trips.
pub trait CounterWrites: Send {
    /// Likes a post; gives its author and who had not liked it yet. `None` where there is no post.
    fn insert_likes(
        &mut self,
        post_id: PostId,
        counted: Counted,
        users: &[UserId],
    ) -> impl Future<Output = StoreResult<Option<(UserId, Vec<UserId>)>>> + Send;

    /// Takes likes back; gives the post's author and the likes that are gone. `None` where there is no post.
    fn delete_likes(
        &mut self,
        post_id: PostId,
        users: &[UserId],
    ) -> impl Future<Output = StoreResult<Option<(UserId, EndedLikes)>>> + Send;

    /// Moves the counter rows and the hours and records the event; gives the rows that moved, as they stand now, and
    /// the post's totals.
    fn move_counters(&mut self, batch: &Batch) -> impl Future<Output = StoreResult<(Vec<ShardCounts>, Counts)>> + Send;
}

/// Likes that are gone, each as it was counted.
pub type EndedLikes = Vec<(UserId, Counted)>;

/// How bytes are written: in Postgres all in one statement, of arrays that SQLite has not.
pub trait BytesWrites: Send {
    /// Writes embeddings of posts that exist; returns how many.
    fn put_embeddings(&mut self, embeddings: &[(PostId, Embedding)]) -> impl Future<Output = StoreResult<u64>> + Send;

    /// Writes checkpoints of timelines.
    fn put_timeline_checkpoints(
        &mut self,
        checkpoints: &BTreeMap<UserId, Vec<u8>>,
    ) -> impl Future<Output = StoreResult<()>> + Send;
}
