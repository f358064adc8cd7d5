//! Where a feed's posts come from, and the cursor that walks it.

use crate::{AdId, PostId, UserId, post::PostRef, recommendation::Reason};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where an item of a feed comes from, with what is to be known of it when it is shown.
///
/// It stands in snapshots and travels between nodes: variants are only added, at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Source {
    /// Somebody the reader follows (or the reader), pushed to their timeline.
    Following,
    /// A celebrity the reader follows, pulled.
    Celebrity,
    /// Recommended to the reader, for this reason.
    Recommended(Reason),
    /// Paid for by this campaign.
    Ad(AdId),
}

impl Source {
    /// Its word, without what comes with it.
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::Following => SourceKind::Following,
            Self::Celebrity => SourceKind::Celebrity,
            Self::Recommended(_) => SourceKind::Recommended,
            Self::Ad(_) => SourceKind::Ad,
        }
    }

    /// Whether the reader follows its author (or is the author).
    pub fn is_social(&self) -> bool {
        matches!(self, Self::Following | Self::Celebrity)
    }

    /// Why it is recommended, if it is.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Recommended(reason) => Some(reason),
            _ => None,
        }
    }
}

/// The word for a source, in the API and in the ranking log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Following,
    Celebrity,
    Recommended,
    Ad,
}

/// A post that may enter a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub post_id: PostId,
    pub author_id: UserId,
    /// Where it comes from.
    pub source: Source,
}

impl Candidate {
    /// A post that comes from `source`.
    pub fn new(post: PostRef, source: Source) -> Self {
        Self { post_id: post.post_id, author_id: post.author_id, source }
    }
}

/// One place of an opened feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEntry {
    pub candidate: Candidate,
    /// Whether the reader had seen it before this feed was opened.
    pub seen: bool,
}

/// Followed posts that are older than those a feed holds: where they begin, and which of them were passed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OlderPosts {
    /// They are older than this one; zero where there are none.
    pub below: PostId,
    /// Among these nothing is left to show.
    pub passed: Option<PassedPosts>,
}

/// Posts from one to another that a reader has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedPosts {
    /// The oldest of them.
    pub oldest: PostId,
    /// They are older than this one.
    pub newest: PostId,
}

/// Where reading older posts ends: no post is older than this one.
pub const NOTHING_OLDER: PostId = PostId(1);

impl OlderPosts {
    /// Below which post to read on for somebody who has passed everything down to `passed` (zero: nothing older yet);
    /// `None` where nothing is left.
    pub fn next(&self, passed: PostId) -> Option<PostId> {
        let below = if passed.0 > 0 { passed.min(self.below) } else { self.below };
        let below = match self.passed {
            Some(known) if known.oldest < below && below <= known.newest => known.oldest,
            _ => below,
        };
        (below > NOTHING_OLDER).then_some(below)
    }
}

impl PassedPosts {
    /// Takes in further ones if they touch these. Returns whether they did.
    pub fn join(&mut self, other: Self) -> bool {
        let touches = other.oldest <= self.newest && other.newest >= self.oldest;
        if touches {
            self.oldest = self.oldest.min(other.oldest);
            self.newest = self.newest.max(other.newest);
        }
        touches
    }
}

/// A place in an opened feed.
///
/// When the snapshot is gone (it expired, or its node did), `oldest_social` lets a new one continue
/// below what was already served, so a cursor never dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedCursor {
    /// The opened feed it walks.
    pub snapshot_id: u64,
    /// How many places were passed.
    pub position: u32,
    /// Everything followed was passed down to this post; zero when nothing was. Behind the places that the opened feed
    /// holds it says how far older posts were read ([`NOTHING_OLDER`] at their end).
    pub oldest_social: PostId,
}

/// A string that is no feed cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this feed")]
pub struct ParseCursorError;

impl fmt::Display for FeedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{:x}-{:x}-{:x}", self.snapshot_id, self.position, self.oldest_social.0)
    }
}

impl FromStr for FeedCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let body = text.strip_prefix('f').filter(|body| body.len() <= 64).ok_or(ParseCursorError)?;
        let mut parts = body.split('-').map(|part| u64::from_str_radix(part, 16).map_err(|_| ParseCursorError));
        let mut next = || parts.next().ok_or(ParseCursorError)?;
        let cursor = FeedCursor {
            snapshot_id: next()?,
            position: u32::try_from(next()?).map_err(|_| ParseCursorError)?,
            oldest_social: PostId(next()?),
        };
        if parts.next().is_some() { Err(ParseCursorError) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_posts_are_read_from_where_they_begin_and_what_was_passed_is_left_out() {
        let id = |next: Option<PostId>| next.map(|id| id.0);
        let mut older = OlderPosts { below: PostId(100), passed: None };
        assert_eq!(
            [0, 150, 100, 60].map(|from| id(older.next(PostId(from)))),
            [Some(100), Some(100), Some(100), Some(60)]
        );
        assert_eq!(older.next(NOTHING_OLDER), None);
        let mut passed = PassedPosts { oldest: PostId(40), newest: PostId(90) };
        older.passed = Some(passed);
        assert_eq!(
            [100, 91, 90, 60, 40, 30].map(|from| id(older.next(PostId(from)))),
            [100, 91, 40, 40, 40, 30].map(Some)
        );
        assert!(!passed.join(PassedPosts { oldest: PostId(95), newest: PostId(100) }), "a gap stays a gap");
        assert!(passed.join(PassedPosts { oldest: PostId(80), newest: PostId(100) }));
        assert!(passed.join(PassedPosts { oldest: NOTHING_OLDER, newest: PostId(40) }));
        assert_eq!(OlderPosts { below: PostId(100), passed: Some(passed) }.next(PostId(0)), None);
        assert_eq!(OlderPosts::default().next(PostId(0)), None);
    }

    #[test]
    fn cursors_survive_the_wire_and_nonsense_does_not() {
        let cursor = FeedCursor { snapshot_id: u64::MAX, position: 50, oldest_social: PostId(1 << 62) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "f", "f1-2", "f1-2-3-4", "f1-100000000-3", "fx-y-z", "1-2-3"] {
            assert!(bad.parse::<FeedCursor>().is_err(), "{bad}");
        }
    }
}
