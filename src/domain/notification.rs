//! Notifications, how they coalesce ("ada and 41 others liked your post"), and whom an event concerns.

use crate::{CommentId, NotificationId, PostId, Timestamp, UserId, event::Event};
use serde::{Deserialize, Serialize};

/// How many of the latest actors a notification names.
pub const NAMED_ACTORS: usize = 3;

/// A notification knows its latest actors and its latest comments, so many of each, and is shown while one of them
/// stands. Earlier ones are only counted.
pub const KNOWN_SIGNALS: usize = 50;

/// How many of those who commented on a post before are told of a comment that its author writes there: the latest.
pub const MAX_TOLD_COMMENTERS: usize = 50;

/// Why somebody is notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// Their post was liked.
    Like,
    /// Their post was commented on; or they commented on a post, and now its author has.
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

/// One thing that somebody did that concerns a user. Equal signals count once, ever: a like of a post and a follow
/// once for each actor, a comment once for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal {
    pub kind: NotificationKind,
    /// On which post; none for a follow.
    pub post_id: Option<PostId>,
    /// Which comment; none for other kinds, and where an older program tells of one.
    pub comment_id: Option<CommentId>,
    pub actor_id: UserId,
}

/// What an event tells the one whom it concerns: the post's author, or who is followed. Nobody is told of what they did
/// themselves.
pub fn signals_of(event: &Event) -> Option<(UserId, Vec<Signal>)> {
    match event {
        Event::Engaged { post_id, author_id, liked_by, commented_by, comment_ids, .. } => {
            let likes = liked_by.iter().map(|actor_id| (NotificationKind::Like, None, *actor_id));
            let comment_ids = comment_ids.iter().copied().map(Some).chain(std::iter::repeat(None));
            let comments = commented_by.iter().zip(comment_ids);
            let comments = comments.map(|(actor_id, id)| (NotificationKind::Comment, id, *actor_id));
            let foreign = likes.chain(comments).filter(|(.., actor_id)| actor_id != author_id);
            let signal = |(kind, comment_id, actor_id)| Signal { kind, post_id: Some(*post_id), comment_id, actor_id };
            Some((*author_id, foreign.map(signal).collect()))
        }
        Event::Followed { follower_id, followee_id } => {
            let kind = NotificationKind::Follow;
            Some((*followee_id, vec![Signal { kind, post_id: None, comment_id: None, actor_id: *follower_id }]))
        }
        _ => None,
    }
}

/// A comment that an author wrote under their own post: those who commented there before are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorComment {
    pub post_id: PostId,
    pub comment_id: CommentId,
    pub author_id: UserId,
}

impl AuthorComment {
    /// Those that an event tells of.
    pub fn all_of(event: &Event) -> Vec<Self> {
        let Event::Engaged { post_id, author_id, commented_by, comment_ids, .. } = event else { return Vec::new() };
        let own = commented_by.iter().zip(comment_ids).filter(|(actor_id, _)| *actor_id == author_id);
        own.map(|(_, id)| Self { post_id: *post_id, comment_id: *id, author_id: *author_id }).collect()
    }

    /// What each of those people is told.
    pub fn signal(self) -> Signal {
        let Self { post_id, comment_id, author_id: actor_id } = self;
        Signal { kind: NotificationKind::Comment, post_id: Some(post_id), comment_id: Some(comment_id), actor_id }
    }
}

/// A notification: an unread one goes on collecting signals of its kind and post; a read one is closed.
///
/// It tells of what stands: likes, comments and follows that were not taken back, on posts that are there and that the
/// user may see, by accounts that are there and where neither has blocked the other. See [`KNOWN_SIGNALS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Which. Changes never, although `updated_at` moves while it is unread.
    pub id: NotificationId,
    pub kind: NotificationKind,
    /// On which post; none for a follow.
    pub post_id: Option<PostId>,
    /// Whether the post is the user's own. If not, its author has commented on it, and the user before.
    pub own_post: bool,
    /// The latest actors, newest first, at most [`NAMED_ACTORS`].
    pub actor_ids: Vec<UserId>,
    /// How many different actors in all.
    pub actor_count: u64,
    /// Whether the user has read it.
    pub read: bool,
    /// When its last signal came in.
    pub updated_at: Timestamp,
}

impl Notification {
    /// Whether anything of it stands. Otherwise it is neither shown nor counted.
    pub fn is_shown(&self) -> bool {
        !self.actor_ids.is_empty()
    }

    /// The sentence to show, e.g. `ada and 41 others liked your post`.
    pub fn sentence(&self, latest_actor_name: &str) -> String {
        let did = match self.kind {
            NotificationKind::Like => "liked your post",
            NotificationKind::Comment if self.own_post => "commented on your post",
            NotificationKind::Comment => "also commented on their post",
            NotificationKind::Follow => "followed you",
        };
        match self.actor_count {
            0 | 1 => format!("{latest_actor_name} {did}"),
            2 => format!("{latest_actor_name} and 1 other {did}"),
            many => format!("{latest_actor_name} and {} others {did}", many - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engaged(commented_by: &[u64], comment_ids: &[u64]) -> Event {
        Event::Engaged {
            post_id: PostId(1),
            author_id: UserId(9),
            liked_by: vec![UserId(2), UserId(9)],
            unlikes: 0,
            commented_by: commented_by.iter().copied().map(UserId).collect(),
            comment_ids: comment_ids.iter().copied().map(CommentId).collect(),
        }
    }

    fn told(event: &Event) -> Vec<(NotificationKind, u64, Option<u64>)> {
        let (user_id, signals) = signals_of(event).expect("somebody is told");
        assert_eq!(user_id, UserId(9));
        signals.iter().map(|signal| (signal.kind, signal.actor_id.0, signal.comment_id.map(|id| id.0))).collect()
    }

    #[test]
    fn an_author_is_told_of_each_comment_and_not_of_their_own_deeds() {
        let (like, comment) = (NotificationKind::Like, NotificationKind::Comment);
        let event = engaged(&[3, 9, 3], &[100, 101, 102]);
        assert_eq!(told(&event), [(like, 2, None), (comment, 3, Some(100)), (comment, 3, Some(102))]);
        let own = AuthorComment::all_of(&event);
        assert_eq!(own.iter().map(|comment| comment.signal().comment_id).collect::<Vec<_>>(), [Some(CommentId(101))]);
    }

    #[test]
    fn an_event_of_an_older_program_tells_of_comments_without_their_ids() {
        let event = engaged(&[3, 9], &[]);
        assert_eq!(told(&event), [(NotificationKind::Like, 2, None), (NotificationKind::Comment, 3, None)]);
        assert!(AuthorComment::all_of(&event).is_empty());
        let json = serde_json::to_string(&event).expect("JSON").replace(",\"comment_ids\":[]", "");
        assert_eq!(serde_json::from_str::<Event>(&json).expect("it is read"), event);
    }
}
