//! Counters of a post, spread over shards when it is hot (docs/functions.md, sections 4 and 9).
//!
//! A counter's truth is one ledger row per (post, shard), moved in the same transaction as the like
//! that it counts. A like's row remembers the shard it was counted in, so that an unlike always
//! takes it from where it was put; hence the number of shards may change at any time.

pub mod batch;

use crate::{CommentId, UserId, hash::stable_hash_u64};
use serde::{Deserialize, Serialize};

/// The most shards that one post's counters are spread over.
pub const COUNTER_SHARDS: u16 = 8;

/// Which shard `user_id` counts in, for a post spread over `shards`.
pub fn counter_shard(user_id: UserId, shards: u16) -> u16 {
    (stable_hash_u64(user_id.0, 0x0C0F_FEE5) % u64::from(shards.max(1))) as u16
}

/// Totals of one post over all its shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub likes: u64,
    /// Comments that are not deleted.
    pub comments: u64,
}

/// The absolute values of one (post, shard) row.
///
/// Mirrors keep the value with the highest `version`, so late writes never undo newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShardCounts {
    pub shard: u16,
    /// Grows by one with every transaction that touches the row.
    pub version: u64,
    /// Likes counted in this shard (a shard alone may not be negative either).
    pub likes: i64,
    /// Comments counted in this shard.
    pub comments: i64,
}

/// One change that a counter actor asks the ledger to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CounterOperation {
    Like {
        user_id: UserId,
    },
    /// Takes a like back.
    Unlike {
        user_id: UserId,
    },
    AddComment {
        /// The new comment's id, given by the caller.
        comment_id: CommentId,
        user_id: UserId,
        text: String,
        /// The client's idempotency key: the same user's same key gives the first comment again.
        idempotency_key: Option<String>,
    },
    /// Deletes a comment; allowed to its author and to the post's author.
    DeleteComment {
        comment_id: CommentId,
        user_id: UserId,
    },
}

/// What became of one [`CounterOperation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CounterOutcome {
    /// It changed the ledger.
    Applied,
    /// A like that was there already.
    AlreadyLiked,
    /// An unlike without a like: harmless.
    NotLiked,
    /// A comment whose idempotency key was used before: here is that comment.
    CommentExists(CommentId),
    /// The post (or the comment) does not exist or was deleted.
    NotFound,
    /// The comment belongs to somebody else.
    Forbidden,
}
