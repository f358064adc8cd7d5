//! Walks a skeleton until a page is full.

use super::{Feed, FeedItem, FeedRequest, skeleton::Skeleton};
use crate::{
    App, AppResult,
    hydrate::{Context, HydratedPost},
};
use std::collections::HashMap;
use tessera_domain::{PostId, UserId};

/// Looks taken for a page that has something on it already.
const ROUNDS: usize = 5;
/// Looks taken while a page has nothing on it: more than an opened feed can be long.
const ROUNDS_WHILE_EMPTY: usize = 150;

impl App {
    /// Fills a page: drops what the reader may not see or what is gone, and reads on in its place.
    pub(super) async fn walk_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        mut skeleton: Skeleton,
    ) -> AppResult<Feed> {
        let mut items: Vec<FeedItem> = Vec::with_capacity(request.limit);
        for round in 0..ROUNDS_WHILE_EMPTY {
            if items.len() == request.limit || (round >= ROUNDS && !items.is_empty()) {
                break;
            }
            let mut ids = skeleton.upcoming(request.limit - items.len());
            if ids.is_empty() {
                if !self.read_on(user_id, request, &mut skeleton).await {
                    break;
                }
                ids = skeleton.upcoming(request.limit - items.len());
            }
            let mut shown = self.shown_posts(user_id, &ids).await?;
            for entry in std::iter::from_fn(|| skeleton.pass()).take(ids.len()) {
                let post = shown.remove(&entry.candidate.post_id);
                items.extend(post.map(|post| FeedItem { source: entry.candidate.source, seen: entry.seen, post }));
            }
        }
        let mut next = skeleton.next();
        if let Some(next) = next.as_mut().filter(|_| self.settings.ranks_followed) {
            // Posts are in no order of time: a feed that is lost continues with whatever is unseen.
            next.oldest_social = PostId(0);
        }
        Ok(Feed { items, next, caught_up: skeleton.caught_up(), degraded: skeleton.degraded() })
    }

    /// Those of these posts that the reader may see in a feed.
    async fn shown_posts(&self, user_id: UserId, ids: &[PostId]) -> AppResult<HashMap<PostId, HydratedPost>> {
        let posts = self.hydrator.hydrate(user_id, ids, Context::Feed).await?;
        Ok(posts.into_iter().map(|post| (post.post.id, post)).collect())
    }
}
