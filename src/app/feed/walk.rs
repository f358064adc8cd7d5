//! Walks an opened feed until a page is full.

use super::{Feed, FeedItem, FeedRequest, get_feed::PlacedPage};
use crate::{
    App, AppResult,
    hydrate::{Context, HydratedPost},
};
use std::collections::HashMap;
use tessera_actors::timeline::SnapshotChoice;
use tessera_domain::{
    PostId, UserId,
    feed::{FeedCursor, FeedEntry, Source},
};

/// Looks taken for a page that has something on it already.
const ROUNDS: usize = 5;
/// Looks taken while a page has nothing on it: more than an opened feed can be long.
const ROUNDS_WHILE_EMPTY: usize = 150;

/// A page being filled from an opened feed.
pub(super) struct Walk {
    request: FeedRequest,
    current: PlacedPage,
    /// Entries of `current` that were passed, whether they are shown or not.
    passed: usize,
    last_social: PostId,
    items: Vec<FeedItem>,
}

impl Walk {
    /// Begins with the entries of `first`. `last_social` is the last followed or celebrity post passed on
    /// earlier pages, or zero.
    pub(super) fn new(first: PlacedPage, request: &FeedRequest, last_social: PostId) -> Self {
        Self { request: *request, current: first, passed: 0, last_social, items: Vec::with_capacity(request.limit) }
    }

    /// The entries to look up next.
    fn upcoming(&self) -> &[FeedEntry] {
        let left = &self.current.page.entries[self.passed..];
        &left[..left.len().min(self.missing())]
    }

    fn missing(&self) -> usize {
        self.request.limit - self.items.len()
    }

    /// Passes the upcoming entries, keeping those that `shown` has.
    fn pass(&mut self, mut shown: HashMap<PostId, HydratedPost>) {
        for entry in self.upcoming().to_vec() {
            self.passed += 1;
            if matches!(entry.candidate.source, Source::Following | Source::Celebrity) {
                self.last_social = entry.candidate.post_id;
            }
            if let Some(post) = shown.remove(&entry.candidate.post_id) {
                self.items.push(FeedItem { source: entry.candidate.source, seen: entry.seen, reason: None, post });
            }
        }
    }

    fn position(&self) -> u32 {
        self.current.position.saturating_add(self.passed as u32)
    }

    fn finish(self) -> Feed {
        let left = &self.current.page.entries[self.passed..];
        let more = self.current.page.more || !left.is_empty();
        let caught_up = self.current.page.caught_up && left.iter().all(|entry| entry.seen);
        let cursor = FeedCursor {
            snapshot_id: self.current.page.snapshot_id,
            position: self.position(),
            oldest_social: self.last_social,
        };
        Feed { items: self.items, next: more.then_some(cursor), caught_up, degraded: Vec::new() }
    }
}

impl App {
    /// Fills a page: drops what the reader may not see or what is gone, and reads on in its place.
    pub(super) async fn walk_feed(&self, user_id: UserId, mut walk: Walk) -> AppResult<Feed> {
        for round in 0..ROUNDS_WHILE_EMPTY {
            if walk.missing() == 0 || (round >= ROUNDS && !walk.items.is_empty()) {
                break;
            }
            if walk.upcoming().is_empty() {
                if !walk.current.page.more {
                    break;
                }
                let choice = SnapshotChoice::Id(walk.current.page.snapshot_id);
                match self.feed_page(user_id, &walk.request, choice, walk.position()).await {
                    Ok(Some(next)) => (walk.current, walk.passed) = (next, 0),
                    // A short page is better than none: its cursor leads on.
                    Ok(None) | Err(_) => break,
                }
            }
            let shown = self.show_entries(user_id, walk.upcoming()).await?;
            walk.pass(shown);
        }
        let mut feed = walk.finish();
        if let Some(next) = feed.next.as_mut().filter(|_| self.settings.ranks_followed) {
            // Posts are in no order of time: a feed that is lost continues with whatever is unseen.
            next.oldest_social = PostId(0);
        }
        Ok(feed)
    }

    /// The posts of these entries that the reader may see in a feed.
    pub(super) async fn show_entries(
        &self,
        user_id: UserId,
        entries: &[FeedEntry],
    ) -> AppResult<HashMap<PostId, HydratedPost>> {
        let ids: Vec<PostId> = entries.iter().map(|entry| entry.candidate.post_id).collect();
        let posts = self.hydrator.hydrate(user_id, &ids, Context::Feed).await?;
        Ok(posts.into_iter().map(|post| (post.post.id, post)).collect())
    }
}
