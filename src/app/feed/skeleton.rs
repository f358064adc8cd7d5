//! The skeleton of a page: the entries it is filled from, before it is known what may be shown of them.

use super::{Degraded, FeedRequest, FeedStart};
use crate::{App, AppResult};
use std::{collections::VecDeque, time::Duration};
use tessera_actors::{
    ActorError, AskError, Deadline,
    timeline::{FeedPage, OpenFeed, PageRequest, SnapshotChoice},
};
use tessera_domain::{
    PostId, UserId,
    feed::{Candidate, FeedCursor, FeedEntry, Source},
    ranking, stitch,
};
use tessera_ports::ledger::MAX_PAGE;

/// How long a timeline may take, the catch-up of one that was not in memory included.
const TIMELINE_TIMEOUT: Duration = Duration::from_secs(3);
/// Entries read beyond the page, so that dropped posts seldom need a second look into the timeline.
const SLACK: usize = 20;
/// Names no opened feed. A cursor that holds it opens one below what was served, once the timeline is back.
const NO_SNAPSHOT: u64 = u64::MAX;

/// Entries of a feed that were read and not passed yet.
pub(super) struct Skeleton {
    upcoming: VecDeque<FeedEntry>,
    /// The place of the first of them.
    place: FeedCursor,
    /// Whether entries follow behind them.
    more: bool,
    /// Whether all that follows behind them was seen.
    caught_up: bool,
    /// What it was made without.
    degraded: Vec<Degraded>,
}

impl Skeleton {
    fn opened(page: FeedPage, position: u32, oldest_social: PostId, degraded: Vec<Degraded>) -> Self {
        let place = FeedCursor { snapshot_id: page.snapshot_id, position, oldest_social };
        let FeedPage { entries, more, caught_up, .. } = page;
        Self { upcoming: entries.into(), place, more, caught_up, degraded }
    }

    /// The next posts, at most `count`.
    pub(super) fn upcoming(&self, count: usize) -> Vec<PostId> {
        self.upcoming.iter().take(count).map(|entry| entry.candidate.post_id).collect()
    }

    /// Passes the first entry, whether it is shown or not.
    pub(super) fn pass(&mut self) -> Option<FeedEntry> {
        let entry = self.upcoming.pop_front()?;
        self.place.position = self.place.position.saturating_add(1);
        if entry.candidate.source.is_social() {
            self.place.oldest_social = entry.candidate.post_id;
        }
        Some(entry)
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<FeedCursor> {
        (self.more || !self.upcoming.is_empty()).then_some(self.place)
    }

    /// Whether nothing unseen is left.
    pub(super) fn caught_up(&self) -> bool {
        self.caught_up && self.upcoming.iter().all(|entry| entry.seen)
    }

    /// What it was made without, each part once.
    pub(super) fn degraded(mut self) -> Vec<Degraded> {
        self.degraded.sort();
        self.degraded.dedup();
        self.degraded
    }
}

impl App {
    /// The skeleton of a page: of the reader's timeline, or from the ledger where the timeline does not answer.
    pub(super) async fn feed_skeleton(&self, user_id: UserId, request: &FeedRequest) -> AppResult<Skeleton> {
        let opened = match request.start {
            FeedStart::Top => self.open_feed(user_id, request, None).await,
            FeedStart::After(cursor) => self.continue_feed(user_id, request, cursor).await,
            FeedStart::Offset(offset) => self.feed_at(user_id, request, offset).await,
        };
        match opened {
            Ok(skeleton) => Ok(skeleton),
            Err(error) => {
                tracing::warn!(user = %user_id, %error, "a timeline did not answer; its feed comes from the ledger");
                self.feed_from_ledger(user_id, request).await
            }
        }
    }

    /// Reads entries on behind those that were passed. Returns whether there are any.
    pub(super) async fn read_on(&self, user_id: UserId, request: &FeedRequest, skeleton: &mut Skeleton) -> bool {
        if !skeleton.more {
            return false;
        }
        let FeedCursor { snapshot_id, position, oldest_social } = skeleton.place;
        match self.feed_page(user_id, request, SnapshotChoice::Id(snapshot_id), position).await {
            Ok(Some(page)) => {
                *skeleton = Skeleton::opened(page, position, oldest_social, std::mem::take(&mut skeleton.degraded));
                !skeleton.upcoming.is_empty()
            }
            // A short page is better than none: its cursor leads on.
            Ok(None) | Err(_) => false,
        }
    }

    async fn open_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        below: Option<PostId>,
    ) -> Result<Skeleton, ActorError> {
        // Boxed, here and below: its future is large, and every way here would carry it.
        let mut sources = Box::pin(self.feed_sources(user_id)).await;
        let social_order = self.order_of_followed(user_id, &mut sources).await;
        let open = OpenFeed {
            pulled: sources.pulled,
            recommended: sources.recommended,
            social_order,
            ads: sources.ads,
            below,
            ratios: self.settings.feed_ratios,
            limit: request.limit + SLACK,
            include_seen: request.include_seen,
        };
        let deadline = || Deadline::after(TIMELINE_TIMEOUT);
        let page = once_more(|| self.actors.timelines.open(user_id, open.clone(), deadline())).await?;
        Ok(Skeleton::opened(page, 0, PostId(0), sources.degraded))
    }

    async fn continue_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        cursor: FeedCursor,
    ) -> Result<Skeleton, ActorError> {
        let FeedCursor { snapshot_id, position, oldest_social } = cursor;
        match self.feed_page(user_id, request, SnapshotChoice::Id(snapshot_id), position).await? {
            Some(page) => Ok(Skeleton::opened(page, position, oldest_social, Vec::new())),
            None => {
                let below = Some(oldest_social).filter(|id| id.0 > 0);
                let mut skeleton = self.open_feed(user_id, request, below).await?;
                skeleton.place.oldest_social = oldest_social;
                Ok(skeleton)
            }
        }
    }

    async fn feed_at(&self, user_id: UserId, request: &FeedRequest, offset: u32) -> Result<Skeleton, ActorError> {
        if let Some(page) = self.feed_page(user_id, request, SnapshotChoice::Latest, offset).await? {
            return Ok(Skeleton::opened(page, offset, PostId(0), Vec::new()));
        }
        let opened = self.open_feed(user_id, request, None).await?;
        let choice = SnapshotChoice::Id(opened.place.snapshot_id);
        match self.feed_page(user_id, request, choice, offset).await? {
            Some(page) => Ok(Skeleton::opened(page, offset, PostId(0), opened.degraded)),
            None => Ok(opened),
        }
    }

    /// Entries of an opened feed from `position` on.
    async fn feed_page(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        snapshot: SnapshotChoice,
        position: u32,
    ) -> Result<Option<FeedPage>, ActorError> {
        let include_seen = request.include_seen;
        let ask = PageRequest { snapshot, position, limit: request.limit + SLACK, include_seen };
        once_more(|| self.actors.timelines.page(user_id, ask, Deadline::after(TIMELINE_TIMEOUT))).await
    }

    /// A feed without the timeline. What was seen is not known here, so posts may come again; recommended ones are mixed
    /// in on the first page only, and ads not at all, because their caps could not be kept.
    async fn feed_from_ledger(&self, user_id: UserId, request: &FeedRequest) -> AppResult<Skeleton> {
        let sources = Box::pin(self.feed_sources(user_id)).await;
        let pushed = self.ledger.timeline_posts(user_id, None, MAX_PAGE).await?;
        let pushed = pushed.into_iter().map(|post| Candidate::new(post, Source::Following)).collect();
        let mut candidates = ranking::newest_first([pushed, sources.pulled]);
        let mut oldest_social = PostId(0);
        match request.start {
            FeedStart::Top => {
                let room = candidates.len() + sources.recommended.len();
                let ratios = self.settings.feed_ratios;
                candidates = stitch::stitch(candidates, sources.recommended, Vec::new(), ratios, user_id.0, room);
            }
            FeedStart::After(cursor) => {
                oldest_social = cursor.oldest_social;
                candidates.retain(|candidate| oldest_social.0 == 0 || candidate.post_id < oldest_social);
            }
            FeedStart::Offset(offset) => drop(candidates.drain(..candidates.len().min(offset as usize))),
        }
        let mut degraded = sources.degraded;
        degraded.push(Degraded::Timeline);
        Ok(Skeleton {
            upcoming: candidates.into_iter().map(|candidate| FeedEntry { candidate, seen: false }).collect(),
            place: FeedCursor { snapshot_id: NO_SNAPSHOT, position: 0, oldest_social },
            more: false,
            caught_up: true,
            degraded,
        })
    }
}

/// Asks a timeline, once more where its answer was lost or it restarted: it is there again, and one open feed too many
/// hurts nobody. Any other error stands: who is overloaded is not asked again.
async fn once_more<T, F>(ask: impl Fn() -> F) -> Result<T, ActorError>
where
    F: Future<Output = Result<T, ActorError>>,
{
    match ask().await {
        Err(ActorError::Ask(AskError::Lost { .. } | AskError::Restarted { .. })) => ask().await,
        answer => answer,
    }
}
