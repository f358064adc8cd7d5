//! Notifications and how they coalesce ("ada and 41 others liked your post").

use crate::{NotificationId, PostId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// How many of the latest actors a notification names.
pub const NAMED_ACTORS: usize = 3;

/// Why somebody is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// Their post was liked.
    Like,
    /// Their post was commented on.
    Comment,
    Follow,
}

impl NotificationKind {
    /// The word that the API and the ledger use.
    pub fn as_str(self) -> &'static str {
        match self {
            NotificationKind::Like => "like",
            NotificationKind::Comment => "comment",
            NotificationKind::Follow => "follow",
        }
    }

    /// The kind that a stored word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Like, Self::Comment, Self::Follow].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One thing that somebody did to a user. Equal signals (same kind, post and actor) count once, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal {
    pub kind: NotificationKind,
    /// On which post; none for a follow.
    pub post_id: Option<PostId>,
    pub actor_id: UserId,
}

/// A notification: an unread one goes on collecting signals of its kind and post; a read one is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which. Changes never, although `updated_at` moves while it is unread.
    pub id: NotificationId,
    pub kind: NotificationKind,
    /// On which post; none for a follow.
    pub post_id: Option<PostId>,
    /// The latest actors, newest first, at most [`NAMED_ACTORS`].
    pub actor_ids: Vec<UserId>,
    /// How many different actors in all.
    pub actor_count: u64,
    /// Whether the user has read it.
    pub read: bool,
    /// When its last signal came in.
    pub updated_at: Timestamp,
}

/// The sentence shown for a notification, e.g. `ada and 41 others liked your post`.
pub fn sentence(kind: NotificationKind, latest_actor_name: &str, actor_count: u64) -> String {
    let did = match kind {
        NotificationKind::Like => "liked your post",
        NotificationKind::Comment => "commented on your post",
        NotificationKind::Follow => "followed you",
    };
    match actor_count {
        0 | 1 => format!("{latest_actor_name} {did}"),
        2 => format!("{latest_actor_name} and 1 other {did}"),
        many => format!("{latest_actor_name} and {} others {did}", many - 1),
    }
}
