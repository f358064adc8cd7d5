//! A page of the reader's feed.

use super::{Degraded, sources::Sources, walk::Walk};
use crate::{App, AppResult, hydrate::HydratedPost, recommendations::Reason};
use std::time::Duration;
use tessera_actors::{
    ActorError, Deadline,
    timeline::{FeedPage, OpenFeed, PageRequest, SnapshotChoice},
};
use tessera_domain::{
    Invalid, PostId, UserId,
    feed::{FeedCursor, Source},
};

/// The furthest that `offset` reaches; a snapshot is shorter than this.
pub const MAX_OFFSET: u32 = 10_000;
/// How long a timeline may take, the catch-up of one that was not in memory included.
const TIMELINE_TIMEOUT: Duration = Duration::from_secs(3);
/// Entries read beyond the page, so that dropped posts seldom need a second look into the timeline.
pub(super) const SLACK: usize = 20;

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
    /// How many posts.
    pub limit: usize,
    /// Whether to go on with posts that were seen before once the unseen ones are through.
    pub include_seen: bool,
}

/// One post of a feed.
#[derive(Debug, Clone)]
pub struct FeedItem {
    /// Where it comes from.
    pub source: Source,
    /// Whether the reader had seen it before this feed was opened.
    pub seen: bool,
    /// Why it is there; of recommended posts only.
    pub reason: Option<Reason>,
    /// The post.
    pub post: HydratedPost,
}

/// A page of a feed.
#[derive(Debug, Clone)]
pub struct Feed {
    /// The posts, in order.
    pub items: Vec<FeedItem>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<FeedCursor>,
    /// Nothing unseen is left behind this page.
    pub caught_up: bool,
    /// What it was served without.
    pub degraded: Vec<Degraded>,
}

/// A page of the timeline and where it begins.
pub(super) struct PlacedPage {
    pub(super) page: FeedPage,
    pub(super) position: u32,
}

impl App {
    /// A page of the reader's feed; what is on it counts as seen in feeds opened later.
    ///
    /// The page is full as long as posts are left that the reader may see. It is stable: new posts do not
    /// move what a cursor leads to. A reader's own new posts are in the next feed opened.
    ///
    /// # Errors
    /// Those of the ledger. Other failures give a feed without the part that failed ([`Feed::degraded`]).
    pub async fn get_feed(&self, user_id: UserId, request: FeedRequest) -> AppResult<Feed> {
        let mut sources = None;
        let first = match request.start {
            FeedStart::Top => self.open_feed(user_id, &request, None, &mut sources).await,
            FeedStart::After(cursor) => self.continue_feed(user_id, &request, cursor, &mut sources).await,
            FeedStart::Offset(offset) => self.feed_at(user_id, &request, offset, &mut sources).await,
        };
        let mut feed = match first {
            Ok(first) => {
                let oldest_social = match request.start {
                    FeedStart::After(cursor) => cursor.oldest_social,
                    _ => PostId(0),
                };
                self.walk_feed(user_id, Walk::new(first, &request, oldest_social)).await?
            }
            Err(error) => {
                tracing::warn!(user = %user_id, %error, "a timeline did not answer; its feed comes from the ledger");
                self.feed_from_ledger(user_id, &request, &mut sources).await?
            }
        };
        feed.degraded.extend(sources.map(|sources| sources.degraded).unwrap_or_default());
        feed.degraded.sort();
        feed.degraded.dedup();
        self.give_reasons(user_id, &mut feed).await;
        self.feed_was_served(user_id, &feed).await;
        Ok(feed)
    }

    async fn open_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        below: Option<PostId>,
        sources: &mut Option<Sources>,
    ) -> Result<PlacedPage, ActorError> {
        // Boxed: it is large, and every way here would carry it on the stack.
        let found = sources.insert(Box::pin(self.feed_sources(user_id)).await);
        let social_order = self.order_of_followed(user_id, found).await;
        let open = OpenFeed {
            pulled: found.pulled.clone(),
            recommended: found.recommended.clone(),
            social_order,
            ads: found.ads.clone(),
            below,
            ratios: self.settings.feed_ratios,
            limit: request.limit + SLACK,
            include_seen: request.include_seen,
        };
        let deadline = || Deadline::after(TIMELINE_TIMEOUT);
        let page = match self.actors.timelines.open(user_id, open.clone(), deadline()).await {
            // Once more: a timeline that crashed is there again, and one too many open feeds hurt nobody.
            Err(_) => self.actors.timelines.open(user_id, open, deadline()).await?,
            Ok(page) => page,
        };
        Ok(PlacedPage { page, position: 0 })
    }

    async fn continue_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        cursor: FeedCursor,
        sources: &mut Option<Sources>,
    ) -> Result<PlacedPage, ActorError> {
        let choice = SnapshotChoice::Id(cursor.snapshot_id);
        match self.feed_page(user_id, request, choice, cursor.position).await? {
            Some(page) => Ok(page),
            None => {
                let below = Some(cursor.oldest_social).filter(|id| id.0 > 0);
                self.open_feed(user_id, request, below, sources).await
            }
        }
    }

    async fn feed_at(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        offset: u32,
        sources: &mut Option<Sources>,
    ) -> Result<PlacedPage, ActorError> {
        if let Some(page) = self.feed_page(user_id, request, SnapshotChoice::Latest, offset).await? {
            return Ok(page);
        }
        let opened = self.open_feed(user_id, request, None, sources).await?;
        let choice = SnapshotChoice::Id(opened.page.snapshot_id);
        Ok(self.feed_page(user_id, request, choice, offset).await?.unwrap_or(opened))
    }

    /// Entries of an opened feed from `position` on, asked for twice before it fails.
    pub(super) async fn feed_page(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        snapshot: SnapshotChoice,
        position: u32,
    ) -> Result<Option<PlacedPage>, ActorError> {
        let include_seen = request.include_seen;
        let ask = PageRequest { snapshot, position, limit: request.limit + SLACK, include_seen };
        let deadline = || Deadline::after(TIMELINE_TIMEOUT);
        let page = match self.actors.timelines.page(user_id, ask, deadline()).await {
            Err(_) => self.actors.timelines.page(user_id, ask, deadline()).await?,
            Ok(page) => page,
        };
        Ok(page.map(|page| PlacedPage { page, position }))
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
