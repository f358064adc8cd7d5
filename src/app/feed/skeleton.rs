//! The skeleton of a page: the entries it is filled from, before it is known what may be shown of them.

use super::{Degraded, FeedRequest, FeedStart, Feeds, sources::Sources};
use crate::AppResult;
use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};
use tessera_actors::{
    ActorError, Deadline,
    timeline::{FeedPage, OpenFeed, PageRequest, SnapshotChoice},
};
use tessera_domain::{
    PostId, UserId,
    feed::{Candidate, FeedCursor, FeedEntry, NOTHING_OLDER, OlderPosts, PassedPosts},
    stitch,
};

/// How long a timeline may take, the catch-up of one that was not in memory included.
const TIMELINE_TIMEOUT: Duration = Duration::from_secs(3);
/// Entries read beyond the page, so that dropped posts seldom need a second look into the timeline.
pub(super) const SLACK: usize = 20;
/// Names no opened feed. A cursor that holds it opens one below what was served, once the timeline is back.
const NO_SNAPSHOT: u64 = u64::MAX;

/// The largest number of entries that is asked for at once.
const MAX_READ: usize = 500;
/// Newer than any post.
const ABOVE_ALL: PostId = PostId(i64::MAX as u64);

/// Entries of a feed that were read and not passed yet, and what follows behind them:
///
/// 1. the places of the opened feed that were unseen when it was opened;
/// 2. older followed posts, which the ledger has and the feed does not: those of them that were not seen;
/// 3. where seen posts are wanted, the other places of the opened feed.
///
/// Without a timeline there is only the second part, and nothing is known of what was seen.
pub(super) struct Skeleton {
    upcoming: VecDeque<FeedEntry>,
    /// The place of the first of them.
    place: FeedCursor,
    opened: Option<Opened>,
    /// Where the upcoming entries are older posts: below which post to read on.
    read_to: Option<PostId>,
    /// Where reading older posts began.
    read_from: Option<PostId>,
    include_seen: bool,
    /// Whether a feed opened later has unseen recommended posts that this one lacks.
    more_recommended: bool,
    /// What it was made without.
    degraded: Vec<Degraded>,
}

/// What is known of an opened feed.
#[derive(Clone, Copy)]
struct Opened {
    unseen: u32,
    places: u32,
    older: OlderPosts,
}

impl Skeleton {
    fn opened(page: FeedPage, oldest_social: PostId, include_seen: bool) -> Self {
        let FeedPage { snapshot_id, entries, position, unseen, places, older } = page;
        Self {
            upcoming: entries.into(),
            place: FeedCursor { snapshot_id, position, oldest_social },
            opened: Some(Opened { unseen, places, older }),
            read_to: None,
            read_from: None,
            include_seen,
            more_recommended: false,
            degraded: Vec::new(),
        }
    }

    fn of_ledger(place: FeedCursor, include_seen: bool) -> Self {
        let begin = if place.oldest_social.0 > 0 { place.oldest_social } else { ABOVE_ALL };
        Self {
            upcoming: VecDeque::new(),
            place,
            opened: None,
            read_to: Some(begin),
            read_from: None,
            include_seen,
            more_recommended: false,
            degraded: vec![Degraded::Timeline],
        }
    }

    /// Whether all entries that were read are passed.
    pub(super) fn is_empty(&self) -> bool {
        self.upcoming.is_empty()
    }

    /// The next posts, at most `count`.
    pub(super) fn upcoming(&self, count: usize) -> Vec<PostId> {
        self.upcoming.iter().take(count).map(|entry| entry.candidate.post_id).collect()
    }

    /// Passes the first entry, whether it is shown or not.
    pub(super) fn pass(&mut self) -> Option<FeedEntry> {
        let entry = self.upcoming.pop_front()?;
        if self.read_to.is_none() {
            self.place.position = self.place.position.saturating_add(1);
        }
        if entry.candidate.source.is_social() {
            self.place.oldest_social = entry.candidate.post_id;
        }
        if let (true, Some(read_to)) = (self.upcoming.is_empty(), self.read_to) {
            // Older ones down to there were seen.
            self.place.oldest_social = read_to;
        }
        Some(entry)
    }

    /// Below which post older ones follow behind what was read.
    fn older_below(&self) -> Option<PostId> {
        match (&self.opened, self.read_to) {
            (None, read_to) => read_to.filter(|below| *below > NOTHING_OLDER),
            (Some(opened), Some(read_to)) => opened.older.next(read_to),
            (Some(opened), None) if self.place.position > opened.unseen => None,
            (Some(opened), None) => opened.older.next(self.place.oldest_social),
        }
    }

    /// How many of the feed's places were read.
    fn places_read(&self) -> u32 {
        let ahead = if self.read_to.is_none() { self.upcoming.len() as u32 } else { 0 };
        self.place.position.saturating_add(ahead)
    }

    /// Whether places follow that were unseen when the feed was opened.
    fn has_unseen_places(&self) -> bool {
        self.opened.is_some_and(|opened| self.places_read() < opened.unseen)
    }

    /// Whether places of seen posts follow that are wanted.
    fn has_seen_places(&self) -> bool {
        self.include_seen && self.opened.is_some_and(|opened| self.places_read() < opened.places)
    }

    /// Whether the places of the opened feed that were unseen are passed, and older posts follow.
    pub(super) fn is_before_unseen_older_posts(&self) -> bool {
        self.opened.is_some() && !self.has_unseen_places() && self.older_below().is_some()
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<FeedCursor> {
        let more =
            !self.is_empty() || self.has_unseen_places() || self.older_below().is_some() || self.has_seen_places();
        more.then_some(self.place)
    }

    /// Whether the next page begins among places that are in no order of time where followed posts are ranked.
    pub(super) fn is_among_places(&self) -> bool {
        self.read_to.is_none() && self.opened.is_some_and(|opened| self.place.position != opened.unseen)
    }

    /// Whether nothing unseen is left.
    pub(super) fn caught_up(&self) -> bool {
        self.caught_up_but_for_recommended() && !self.more_recommended
    }

    /// Whether nothing unseen is left that this feed has.
    fn caught_up_but_for_recommended(&self) -> bool {
        self.upcoming.iter().all(|entry| entry.seen) && !self.has_unseen_places() && self.older_below().is_none()
    }

    /// The older posts that were passed, if the timeline is to know of them.
    pub(super) fn passed_older(&self) -> Option<PassedPosts> {
        let passed = PassedPosts { oldest: self.place.oldest_social, newest: self.read_from? };
        (self.opened.is_some() && passed.oldest < passed.newest).then_some(passed)
    }

    /// What it was made without, each part once.
    pub(super) fn degraded(mut self) -> Vec<Degraded> {
        self.degraded.sort();
        self.degraded.dedup();
        self.degraded
    }
}

impl Feeds {
    /// The skeleton of a page: of the reader's timeline, or from the ledger where the timeline does not answer.
    pub(super) async fn feed_skeleton(&self, user_id: UserId, request: &FeedRequest) -> AppResult<Skeleton> {
        let opened = match request.start {
            FeedStart::Top => self.open_feed(user_id, request, None).await,
            FeedStart::After(cursor) => self.continue_feed(user_id, request, cursor).await,
            FeedStart::Offset(offset) => self.latest_feed(user_id, request, offset).await,
        };
        match opened {
            Ok(skeleton) => Ok(skeleton),
            Err(error) => {
                tracing::warn!(user = %user_id, %error, "a timeline did not answer; its feed comes from the ledger");
                self.feed_from_ledger(user_id, request).await
            }
        }
    }

    /// Reads about `count` entries on, where all that were read are passed. Gives how many were looked at for it, and
    /// `None` where there are no more or a timeline does not answer: a short page is better than none, and its cursor
    /// leads on.
    pub(super) async fn read_on(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        skeleton: &mut Skeleton,
        count: usize,
    ) -> AppResult<Option<usize>> {
        let count = count.min(MAX_READ);
        if skeleton.has_unseen_places() {
            return Ok(self.read_places(user_id, request, skeleton, count).await);
        }
        match skeleton.older_below() {
            Some(below) => self.read_older(user_id, skeleton, below, count).await,
            None if skeleton.has_seen_places() => Ok(self.read_places(user_id, request, skeleton, count).await),
            None => Ok(None),
        }
    }

    async fn read_places(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        skeleton: &mut Skeleton,
        count: usize,
    ) -> Option<usize> {
        let FeedCursor { snapshot_id, position, oldest_social } = skeleton.place;
        let choice = SnapshotChoice::Id(snapshot_id);
        let page = self.feed_page(user_id, request, choice, (position, oldest_social), count).await.ok()??;
        let (read_from, more_recommended) = (skeleton.read_from, skeleton.more_recommended);
        let degraded = std::mem::take(&mut skeleton.degraded);
        *skeleton = Skeleton {
            read_from,
            more_recommended,
            degraded,
            ..Skeleton::opened(page, oldest_social, request.include_seen)
        };
        Some(skeleton.upcoming.len()).filter(|read| *read > 0)
    }

    /// Reads followed posts from the ledger that are older than those of the feed; of a reader with a timeline, those
    /// that were not seen.
    async fn read_older(
        &self,
        user_id: UserId,
        skeleton: &mut Skeleton,
        below: PostId,
        count: usize,
    ) -> AppResult<Option<usize>> {
        let (mut found, read_to) = self.followed_before(user_id, below, count).await?;
        let looked_at = found.len().max(1);
        if let Some(opened) = skeleton.opened {
            let ids = found.iter().map(|candidate| candidate.post_id).collect();
            let deadline = Deadline::after(TIMELINE_TIMEOUT);
            let Ok(unseen) = self.timelines.unseen(user_id, ids, deadline).await else { return Ok(None) };
            let unseen: HashSet<PostId> = unseen.into_iter().collect();
            found.retain(|candidate| unseen.contains(&candidate.post_id));
            let passed = skeleton.place.oldest_social;
            let begin = if passed.0 > 0 { passed.min(opened.older.below) } else { opened.older.below };
            skeleton.read_from.get_or_insert(begin);
        }
        skeleton.upcoming = found.into_iter().map(|candidate| FeedEntry { candidate, seen: false }).collect();
        skeleton.read_to = Some(read_to);
        if skeleton.is_empty() {
            skeleton.place.oldest_social = read_to;
        }
        Ok(Some(looked_at))
    }

    async fn open_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        below: Option<PostId>,
    ) -> Result<Skeleton, ActorError> {
        let asked = Instant::now();
        // Boxed, here and below: its future is large, and every way here would carry it.
        let sources = Box::pin(self.feed_sources(user_id)).await;
        let is_used_up = sources.more_recommended.is_some_and(|begun| begun < asked);
        let skeleton = self.open_from(user_id, request, below, sources).await?;
        if !is_used_up || below.is_some() || request.include_seen || !skeleton.caught_up_but_for_recommended() {
            return Ok(skeleton);
        }
        // The page would be empty. What the list recommends was seen, and it left other posts out: another has them.
        self.recommendation_memory.outdate(user_id).await;
        let sources = Box::pin(self.feed_sources(user_id)).await;
        self.open_from(user_id, request, below, sources).await
    }

    async fn open_from(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        below: Option<PostId>,
        mut sources: Sources,
    ) -> Result<Skeleton, ActorError> {
        let social_order = self.order_of_followed(user_id, &mut sources).await;
        let open = OpenFeed {
            pulled: sources.pulled,
            pulled_floor: sources.pulled_floor,
            recommended: sources.recommended,
            social_order,
            ads: sources.ads,
            below,
            ratios: self.feed_ratios,
            limit: request.limit + SLACK,
            include_seen: request.include_seen,
        };
        let page = self.timelines.open(user_id, open, Deadline::after(TIMELINE_TIMEOUT)).await?;
        let opened = Skeleton::opened(page, below.unwrap_or_default(), request.include_seen);
        let more_recommended = sources.more_recommended.is_some();
        Ok(Skeleton { degraded: sources.degraded, more_recommended, ..opened })
    }

    async fn continue_feed(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        cursor: FeedCursor,
    ) -> Result<Skeleton, ActorError> {
        let FeedCursor { snapshot_id, position, oldest_social } = cursor;
        let (choice, place) = (SnapshotChoice::Id(snapshot_id), (position, oldest_social));
        match self.feed_page(user_id, request, choice, place, request.limit + SLACK).await? {
            Some(page) => {
                let more_recommended = self.more_is_recommended(user_id).await;
                Ok(Skeleton { more_recommended, ..Skeleton::opened(page, oldest_social, request.include_seen) })
            }
            None => self.open_feed(user_id, request, Some(oldest_social).filter(|id| id.0 > 0)).await,
        }
    }

    /// The top of the feed that was opened last: how far an offset leads depends on what the reader may see of it.
    async fn latest_feed(&self, user_id: UserId, request: &FeedRequest, offset: u32) -> Result<Skeleton, ActorError> {
        let (top, count) = ((0, PostId(0)), (offset as usize + request.limit + SLACK).min(MAX_READ));
        match self.feed_page(user_id, request, SnapshotChoice::Latest, top, count).await? {
            Some(page) => {
                let more_recommended = self.more_is_recommended(user_id).await;
                Ok(Skeleton { more_recommended, ..Skeleton::opened(page, PostId(0), request.include_seen) })
            }
            None => self.open_feed(user_id, request, None).await,
        }
    }

    /// Whether the reader's last list of recommendations left unseen posts out, as far as this node knows.
    async fn more_is_recommended(&self, user_id: UserId) -> bool {
        self.recommendation_memory.last(user_id).await.is_some_and(|list| list.has_more)
    }

    /// At most `limit` entries of an opened feed from a place on, which is a position and how far older posts were
    /// read.
    async fn feed_page(
        &self,
        user_id: UserId,
        request: &FeedRequest,
        snapshot: SnapshotChoice,
        (position, oldest_social): (u32, PostId),
        limit: usize,
    ) -> Result<Option<FeedPage>, ActorError> {
        let ask = PageRequest { snapshot, position, oldest_social, limit, include_seen: request.include_seen };
        self.timelines.page(user_id, ask, Deadline::after(TIMELINE_TIMEOUT)).await
    }

    /// A feed without the timeline. What was seen is not known here, so posts may come again; recommended ones are
    /// mixed in on the first page only, and ads not at all, because their caps could not be kept.
    async fn feed_from_ledger(&self, user_id: UserId, request: &FeedRequest) -> AppResult<Skeleton> {
        let oldest_social = match request.start {
            FeedStart::After(cursor) => cursor.oldest_social,
            FeedStart::Top | FeedStart::Offset(_) => PostId(0),
        };
        let place = FeedCursor { snapshot_id: NO_SNAPSHOT, position: 0, oldest_social };
        let mut skeleton = Skeleton::of_ledger(place, request.include_seen);
        if request.start == FeedStart::Top {
            let sources = Box::pin(self.feed_sources(user_id)).await;
            self.read_older(user_id, &mut skeleton, ABOVE_ALL, request.limit + SLACK).await?;
            let social: Vec<Candidate> = skeleton.upcoming.drain(..).map(|entry| entry.candidate).collect();
            let (room, ratios) = (social.len() + sources.recommended.len(), self.feed_ratios);
            let mixed = stitch::stitch(social, sources.recommended, Vec::new(), ratios, user_id.0, room);
            skeleton.upcoming = mixed.into_iter().map(|candidate| FeedEntry { candidate, seen: false }).collect();
            skeleton.degraded.extend(sources.degraded);
        }
        Ok(skeleton)
    }
}
