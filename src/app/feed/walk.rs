//! Walks a skeleton until a page is full.

use super::{
    Feed, FeedItem, FeedRequest, FeedStart, Feeds, MAX_OFFSET,
    skeleton::{SLACK, Skeleton},
};
use crate::{
    AppResult,
    hydrate::{Context, HydratedPost},
};
use std::collections::HashMap;
use tessera_domain::{PostId, UserId};

/// Entries read for one page at the most, those included that were seen or may not be shown: as many as an opened feed
/// has places. Past it a page is short, and its cursor leads on.
const MAX_LOOKED_AT: usize = 2_000;
/// Entries looked up at once at the most.
const MAX_LOOK: usize = 200;

impl Feeds {
    /// Fills a page: drops what the reader may not see or what is gone, and reads on in its place.
    pub(super) async fn walk_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        mut skeleton: Skeleton,
    ) -> AppResult<Feed> {
        let mut items: Vec<FeedItem> = Vec::with_capacity(request.limit);
        let mut left = MAX_LOOKED_AT;
        if let FeedStart::Offset(offset) = request.start {
            self.skip_shown(user_id, request, &mut skeleton, offset as usize).await?;
        }
        let mut looks = 0;
        while items.len() < request.limit {
            // The more were dropped, the more are looked at.
            let look = (request.limit - items.len()).saturating_mul(1 << looks).min(MAX_LOOK);
            if skeleton.is_empty() {
                if left == 0 {
                    break;
                }
                match self.read_on(user_id, request, &mut skeleton, look + SLACK).await {
                    Ok(Some(read)) => left = left.saturating_sub(read),
                    Ok(None) => break,
                    Err(error) if items.is_empty() => return Err(error),
                    Err(error) => {
                        tracing::warn!(user = %user_id, %error, "a page of a feed is short");
                        break;
                    }
                }
            }
            let ids = skeleton.upcoming(look);
            let mut shown = self.shown_posts(user_id, &ids).await?;
            for _ in &ids {
                let Some(entry) = (if items.len() < request.limit { skeleton.pass() } else { None }) else { break };
                let post = shown.remove(&entry.candidate.post_id);
                items.extend(post.map(|post| FeedItem { source: entry.candidate.source, seen: entry.seen, post }));
            }
            looks = (looks + 1).min(8);
        }
        let mut next = skeleton.next();
        if let Some(next) = next.as_mut().filter(|_| self.ranks_followed && skeleton.is_among_places()) {
            // Posts are in no order of time: a feed that is lost continues with whatever is unseen.
            next.oldest_social = PostId(0);
        }
        if let Some(passed) = skeleton.passed_older().filter(|_| request.marks_seen) {
            self.timelines.passed_older(user_id, passed);
        }
        Ok(Feed { items, next, caught_up: skeleton.caught_up(), degraded: skeleton.degraded() })
    }

    /// Passes `count` posts that the reader may see, and what stands among them that they may not. Looks at as many
    /// entries as an offset can count and a page can look at; where that is not enough the page begins there. It begins
    /// at the latest where unseen older posts do: those of earlier pages are seen by then, and are passed without
    /// counting.
    async fn skip_shown(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        skeleton: &mut Skeleton,
        mut count: usize,
    ) -> AppResult<()> {
        let mut left = MAX_OFFSET as usize + MAX_LOOKED_AT;
        while count > 0 {
            if skeleton.is_empty() {
                if left == 0 || skeleton.is_before_unseen_older_posts() {
                    break;
                }
                match self.read_on(user_id, request, skeleton, usize::MAX).await? {
                    Some(read) => left = left.saturating_sub(read),
                    None => break,
                }
            }
            let ids = skeleton.upcoming(usize::MAX);
            let visible = self.hydrator.visible_ids(user_id, &ids, Context::Feed).await?;
            for id in ids {
                if count == 0 {
                    break;
                }
                count -= usize::from(visible.contains(&id));
                skeleton.pass();
            }
        }
        Ok(())
    }

    /// Those of these posts that the reader may see in a feed.
    async fn shown_posts(&self, user_id: UserId, ids: &[PostId]) -> AppResult<HashMap<PostId, HydratedPost>> {
        let posts = self.hydrator.hydrate(user_id, ids, Context::Feed).await?;
        Ok(posts.into_iter().map(|post| (post.post.id, post)).collect())
    }
}
