//! Posts and comments as the ledger keeps them.

use crate::{CommentId, PostId, Timestamp, UserId, media::MediaRecord};
use serde::{Deserialize, Serialize};

/// A post without its counts, which live with the counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which; its id tells when.
    pub id: PostId,
    pub author_id: UserId,
    /// What the author wrote; may be empty.
    pub caption: String,
    /// What a screen reader says of the picture; may be empty.
    pub alt_text: String,
    /// Hashtags of the caption, lower case, without `#`.
    pub hashtags: Vec<String>,
    /// The picture or film.
    pub media: MediaRecord,
    /// When the caption or the alternative text last changed.
    pub edited_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Which; its id tells when.
    pub id: CommentId,
    pub post_id: PostId,
    pub author_id: UserId,
    pub text: String,
}

/// A post and its author: all that a timeline holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PostRef {
    /// Which post; its id tells when.
    pub post_id: PostId,
    pub author_id: UserId,
}
