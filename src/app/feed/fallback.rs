//! A feed straight from the ledger, for readers whose timeline does not answer.

use super::{Degraded, Feed, FeedItem, FeedRequest, FeedStart, sources::Sources};
use crate::{App, AppResult};
use tessera_domain::{
    PostId, UserId,
    feed::{Candidate, FeedCursor, FeedEntry, Source},
    ranking, stitch,
};
use tessera_ports::ledger::MAX_PAGE;

/// Names no opened feed. A cursor that holds it opens one below what was served, once the timeline is back.
const NO_SNAPSHOT: u64 = u64::MAX;

impl App {
    /// A page without the timeline. What was seen is not known here, so posts may come again; recommended
    /// ones are mixed in on the first page only, and ads not at all, because their caps could not be kept.
    pub(super) async fn feed_from_ledger(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        sources: &mut Option<Sources>,
    ) -> AppResult<Feed> {
        let found = match sources.take() {
            Some(found) => found,
            None => Box::pin(self.feed_sources(user_id)).await,
        };
        let pushed: Vec<Candidate> = (self.ledger.timeline_posts(user_id, None, MAX_PAGE).await?.iter())
            .map(|post| Candidate { post_id: post.post_id, author_id: post.author_id, source: Source::Following })
            .collect();
        let mut candidates = ranking::newest_first(&[&pushed, &found.pulled]);
        let mut last_social = PostId(0);
        match request.start {
            FeedStart::Top => {
                let room = candidates.len() + found.recommended.len();
                let ratios = self.settings.feed_ratios;
                candidates = stitch::stitch(&candidates, &found.recommended, &[], ratios, user_id.0, room);
            }
            FeedStart::After(cursor) => {
                last_social = cursor.oldest_social;
                candidates.retain(|candidate| last_social.0 == 0 || candidate.post_id < last_social);
            }
            FeedStart::Offset(offset) => drop(candidates.drain(..candidates.len().min(offset as usize))),
        }
        *sources = Some(found);

        let entries: Vec<FeedEntry> =
            candidates.into_iter().map(|candidate| FeedEntry { candidate, seen: false }).collect();
        let mut items = Vec::with_capacity(request.limit);
        let mut passed = 0;
        while items.len() < request.limit && passed < entries.len() {
            let end = entries.len().min(passed + request.limit - items.len());
            let mut shown = self.show_entries(user_id, &entries[passed..end]).await?;
            for FeedEntry { candidate, seen } in &entries[passed..end] {
                if candidate.source != Source::Recommended {
                    last_social = candidate.post_id;
                }
                let post = shown.remove(&candidate.post_id);
                items.extend(post.map(|post| FeedItem { source: candidate.source, seen: *seen, reason: None, post }));
            }
            passed = end;
        }
        let more = passed < entries.len();
        let next = FeedCursor { snapshot_id: NO_SNAPSHOT, position: 0, oldest_social: last_social };
        Ok(Feed { items, next: more.then_some(next), caught_up: !more, degraded: vec![Degraded::Timeline] })
    }
}
