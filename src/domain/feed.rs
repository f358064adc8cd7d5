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
    /// See [`Source::Following`].
    Following,
    /// See [`Source::Celebrity`].
    Celebrity,
    /// See [`Source::Recommended`].
    Recommended,
    /// See [`Source::Ad`].
    Ad,
}

/// A post that may enter a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which post.
    pub post_id: PostId,
    /// Whose.
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
    /// What stands there.
    pub candidate: Candidate,
    /// Whether the reader had seen it before this feed was opened.
    pub seen: bool,
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
    /// The oldest followed or celebrity post served so far; zero when none was.
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
    fn cursors_survive_the_wire_and_nonsense_does_not() {
        let cursor = FeedCursor { snapshot_id: u64::MAX, position: 50, oldest_social: PostId(1 << 62) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "f", "f1-2", "f1-2-3-4", "f1-100000000-3", "fx-y-z", "1-2-3"] {
            assert!(bad.parse::<FeedCursor>().is_err(), "{bad}");
        }
    }
}
