//! What happened, as the outbox carries it. Delivered at least once; handlers are idempotent.

use crate::{CommentId, PostId, UserId, media::MediaRecord};
use serde::{Deserialize, Serialize};

/// A fact that other parts must hear of. Written in the transaction that made it true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A post exists and all its media is stored.
    PostCreated { post_id: PostId, author_id: UserId },
    /// A caption or alternative text changed.
    PostEdited { post_id: PostId },
    /// A post was deleted: timelines, caches, indexes and objects let go of it.
    PostDeleted {
        post_id: PostId,
        author_id: UserId,
        /// Its media, whose objects are to be deleted and purged.
        media: MediaRecord,
        /// The key of the uploaded original.
        original_key: String,
    },
    /// People liked, unliked or commented on a post: one event per group commit.
    Engaged {
        post_id: PostId,
        author_id: UserId,
        liked_by: Vec<UserId>,
        /// How many took their like back.
        unlikes: u32,
        commented_by: Vec<UserId>,
        /// The comments, one for each of `commented_by`. Missing where an older program wrote the event.
        #[serde(default)]
        comment_ids: Vec<CommentId>,
    },
    /// One account follows another.
    Followed { follower_id: UserId, followee_id: UserId },
    /// One account no longer follows another (unfollow or block).
    Unfollowed { follower_id: UserId, followee_id: UserId },
    /// An author crossed the celebrity threshold.
    CelebrityChanged {
        author_id: UserId,
        /// What they are now.
        celebrity: bool,
    },
    /// A profile changed: cached copies are stale.
    UserChanged { user_id: UserId },
}
