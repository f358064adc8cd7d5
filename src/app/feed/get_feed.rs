//! A page of the reader's feed.

use super::{Degraded, Feeds};
use crate::{AppResult, hydrate::HydratedPost};
use tessera_domain::{
    Invalid, PostId, UserId,
    feed::{FeedCursor, Source},
};

/// The furthest that `offset` reaches; a snapshot is shorter than this.
pub const MAX_OFFSET: u32 = 10_000;

/// Where a page of a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedStart {
    /// At the top of a new feed.
    Top,
    /// After an earlier page.
    After(FeedCursor),
    /// So many places below the top of the feed that was opened last.
    Offset(u32),
}

impl FeedStart {
    /// The place that a client's `cursor` or `offset` names.
    ///
    /// # Errors
    /// Where both are given, the cursor is none of a feed, or the offset is over [`MAX_OFFSET`].
    pub fn new(cursor: Option<&str>, offset: Option<u32>) -> Result<Self, Invalid> {
        match (cursor, offset) {
            (Some(_), Some(_)) => Err(Invalid::new("offset", "must not be given together with cursor")),
            (Some(cursor), None) => {
                let refused = |_| Invalid::new("cursor", "must be the next_cursor of an earlier page of this feed");
                Ok(Self::After(cursor.parse().map_err(refused)?))
            }
            (None, Some(offset)) if offset > MAX_OFFSET => {
                Err(Invalid::new("offset", format!("must be at most {MAX_OFFSET}")))
            }
            (None, None | Some(0)) => Ok(Self::Top),
            (None, Some(offset)) => Ok(Self::Offset(offset)),
        }
    }
}

/// What a reader asks for.
#[derive(Debug, Clone, Copy)]
pub struct FeedRequest {
    /// Where the page begins.
    pub start: FeedStart,
    pub limit: usize,
    /// Whether to go on with posts that were seen before once the unseen ones are through.
    pub include_seen: bool,
    /// Whether what is served counts as seen; otherwise the reader's client says what was on screen.
    pub marks_seen: bool,
}

/// One post of a feed.
#[derive(Debug, Clone)]
pub struct FeedItem {
    /// Where it comes from.
    pub source: Source,
    /// Whether the reader had seen it before this feed was opened.
    pub seen: bool,
    pub post: HydratedPost,
}

impl FeedItem {
    /// Which post it is.
    pub fn post_id(&self) -> PostId {
        self.post.post.id
    }
}

/// A page of a feed.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The posts, in order.
    pub items: Vec<FeedItem>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<FeedCursor>,
    /// Nothing unseen is left: neither behind this page nor for a feed opened after it.
    pub caught_up: bool,
    /// What it was served without.
    pub degraded: Vec<Degraded>,
}

impl Feeds {
    /// A page of the reader's feed; what is on it counts as seen in feeds opened later, where the request says so.
    ///
    /// The page is full as long as posts are left that the reader may see. It is stable: new posts do not
    /// move what a cursor leads to. A reader's own new posts are in the next feed opened.
    ///
    /// # Errors
    /// Those of the ledger. Other failures give a feed without the part that failed ([`Feed::degraded`]).
    pub async fn get_feed(&self, user_id: UserId, request: FeedRequest) -> AppResult<Feed> {
        let skeleton = self.feed_skeleton(user_id, &request).await?;
        let feed = self.walk_feed(user_id, &request, skeleton).await?;
        self.feed_was_served(user_id, &request, &feed).await;
        Ok(feed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_starts_at_one_place() {
        let cursor = FeedCursor { snapshot_id: 7, position: 50, oldest_social: PostId(9) };
        let text = cursor.to_string();
        assert_eq!(FeedStart::new(None, None), Ok(FeedStart::Top));
        assert_eq!(FeedStart::new(None, Some(0)), Ok(FeedStart::Top));
        assert_eq!(FeedStart::new(None, Some(50)), Ok(FeedStart::Offset(50)));
        assert_eq!(FeedStart::new(Some(&text), None), Ok(FeedStart::After(cursor)));
        for (cursor, offset) in [(Some(text.as_str()), Some(0)), (Some("f1"), None), (None, Some(MAX_OFFSET + 1))] {
            assert!(FeedStart::new(cursor, offset).is_err(), "{cursor:?} {offset:?}");
        }
    }
}
