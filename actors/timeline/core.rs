//! The pure state machine of a timeline: entries, what was seen, opened feeds (docs/functions.md, sections 2 and 3).

use super::requests::{FeedPage, OpenFeed, PageRequest, SnapshotChoice};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use tessera_domain::{
    PostId, Timestamp, UserId,
    feed::{Candidate, FeedEntry, OlderPosts, PassedPosts, Source},
    post::PostRef,
    ranking,
    seen_filter::SeenFilter,
    stitch::stitch,
};

/// A timeline keeps this many of the newest posts (docs/functions.md, section 3).
pub const MAX_ENTRIES: usize = 1_000;
/// An opened feed holds at most this many places.
pub const MAX_FEED_ENTRIES: usize = 2_000;
/// This many feeds may be open at once; the one used longest ago closes.
const MAX_OPEN_FEEDS: usize = 3;
/// Places of an opened feed that are kept for recommended posts, and as many for ads.
const MAX_EXTRA_ENTRIES: usize = 250;
/// How long it is believed that nothing is left to show of older posts that were passed: meanwhile a mute may be
/// lifted.
const PASSED_TTL_MS: i64 = 60 * 60 * 1_000;
/// An opened feed that nobody read for this long closes.
const OPEN_FEED_TTL_MS: i64 = 30 * 60 * 1_000;

/// A ranked snapshot that pages walk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OpenedFeed {
    id: u64,
    /// First what was unseen when it was opened, then what had been seen.
    places: Vec<Candidate>,
    /// How many of them were unseen.
    unseen: u32,
    /// Followed posts older than this one have no place in it; zero where there are none.
    floor: PostId,
    last_used: Timestamp,
}

/// State of one timeline.
#[derive(Debug, Clone, Default)]
pub(super) struct TimelineCore {
    /// Newest first, each post once: all there are that are no older than `floor`.
    entries: VecDeque<PostRef>,
    /// Zero where the entries are all there are.
    floor: PostId,
    /// Older posts of which nothing is left to show, and since when that is believed.
    passed: Option<(PassedPosts, Timestamp)>,
    seen: SeenFilter,
    /// Opened last comes last.
    feeds: Vec<OpenedFeed>,
    /// Grows with every change worth saving.
    change: u64,
}

impl TimelineCore {
    /// Takes a post in, whatever order posts come in. Returns whether it was new to the timeline.
    pub(super) fn push(&mut self, post: PostRef) -> bool {
        if post.post_id < self.floor {
            return false;
        }
        let place = self.entries.partition_point(|entry| entry.post_id > post.post_id);
        let known = self.entries.get(place).is_some_and(|entry| entry.post_id == post.post_id);
        if known {
            return false;
        }
        self.entries.insert(place, post);
        let mut kept = true;
        while self.entries.len() > MAX_ENTRIES {
            kept &= place + 1 < self.entries.len();
            self.drop_oldest();
        }
        kept
    }

    fn drop_oldest(&mut self) {
        let Some(dropped) = self.entries.pop_back() else { return };
        let below = self.entries.back().map_or(dropped.post_id, |entry| entry.post_id);
        // Nothing lies between the floor and what is dropped.
        if let Some((passed, _)) = &mut self.passed
            && passed.newest == self.floor
            && self.seen.contains(dropped.post_id)
        {
            passed.newest = below;
        }
        self.floor = below;
    }

    /// Takes note that posts older than this one may be missing.
    pub(super) fn raise_floor(&mut self, floor: PostId) {
        self.floor = self.floor.max(floor);
        self.entries.retain(|entry| entry.post_id >= self.floor);
    }

    /// Takes note that older posts were passed: each was seen, shown, or may not be shown.
    pub(super) fn pass_older(&mut self, passed: PassedPosts, now: Timestamp) {
        match &mut self.passed {
            Some((known, since)) if is_believed(*since, now) => drop(known.join(passed)),
            other => *other = Some((passed, now)),
        }
        self.change += 1;
    }

    /// Forgets what was passed: older posts may have come in between.
    pub(super) fn forget_passed(&mut self) {
        self.passed = None;
    }

    /// Takes many posts in.
    pub(super) fn merge(&mut self, posts: impl IntoIterator<Item = PostRef>) {
        for post in posts {
            self.push(post);
        }
    }

    /// Lets go of a post. Returns whether it was there.
    pub(super) fn remove(&mut self, post_id: PostId) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.post_id != post_id);
        self.entries.len() < before
    }

    /// Lets go of an author's posts. Opened feeds keep their places, so that cursors keep their meaning; what
    /// may no longer be shown is dropped when it is hydrated.
    pub(super) fn remove_author(&mut self, author_id: UserId) {
        self.entries.retain(|entry| entry.author_id != author_id);
        self.change += 1;
    }

    /// Marks posts as seen.
    pub(super) fn served(&mut self, post_ids: &[PostId]) {
        let new = post_ids.iter().filter(|post_id| self.seen.insert(**post_id)).count();
        self.change += u64::from(new > 0);
    }

    /// Opens a feed and gives its first page.
    ///
    /// Seen posts are taken out before stitching, so that pages are full as long as unseen posts exist, and
    /// stand behind the unseen ones for readers who want to go on. `feed_id` is new to this timeline and
    /// seeds the mix.
    pub(super) fn open(&mut self, request: OpenFeed, feed_id: u64, now: Timestamp) -> FeedPage {
        let pushed = self.entries.iter().map(|entry| Candidate::new(*entry, Source::Following)).collect();
        let mut social = ranking::newest_first([pushed, request.pulled]);
        let mut floor = self.floor.max(request.pulled_floor);
        social.retain(|candidate| candidate.post_id >= floor);
        if let Some(first_without) = social.get(MAX_FEED_ENTRIES - 2 * MAX_EXTRA_ENTRIES) {
            // Whatever is not older than the first without a place has one.
            floor = PostId(first_without.post_id.0 + 1);
            social.truncate(MAX_FEED_ENTRIES - 2 * MAX_EXTRA_ENTRIES);
        }
        let mut taken: HashSet<PostId> = social.iter().map(|candidate| candidate.post_id).collect();
        if let Some(below) = request.below {
            social.retain(|candidate| candidate.post_id < below);
        }
        let mut fresh = |candidates: Vec<Candidate>| -> Vec<Candidate> {
            let fresh = candidates.into_iter().filter(|candidate| taken.insert(candidate.post_id));
            fresh.take(MAX_EXTRA_ENTRIES).collect()
        };
        let recommended = fresh(request.recommended);
        let ads = fresh(request.ads);
        let (seen_social, mut unseen_social) = self.split_by_seen(social);
        put_in_order(&mut unseen_social, &request.social_order);
        let (seen_recommended, unseen_recommended) = self.split_by_seen(recommended);

        let mut places = stitch(unseen_social, unseen_recommended, ads, request.ratios, feed_id, MAX_FEED_ENTRIES);
        let unseen = places.len() as u32;
        let room = MAX_FEED_ENTRIES - places.len();
        places.extend(seen_social.into_iter().chain(seen_recommended).take(room));
        // It stays as long as the feed is open, and does not grow any more.
        places.shrink_to_fit();
        self.close_feeds(now);
        let feed = OpenedFeed { id: feed_id, places, unseen, floor, last_used: now };
        let first = PageRequest {
            snapshot: SnapshotChoice::Id(feed_id),
            position: 0,
            oldest_social: request.below.unwrap_or_default(),
            limit: request.limit,
            include_seen: request.include_seen,
        };
        let page = feed.page(first, self.passed(now));
        self.feeds.push(feed);
        self.change += 1;
        page
    }

    /// The newest entries that were not seen, newest first.
    pub(super) fn newest_unseen(&self, limit: usize) -> Vec<PostRef> {
        let mut unseen: Vec<PostRef> =
            self.entries().filter(|entry| !self.seen.contains(entry.post_id)).copied().collect();
        unseen.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.post_id));
        unseen.truncate(limit);
        unseen
    }

    /// Reads on in an opened feed.
    pub(super) fn page(&mut self, request: PageRequest, now: Timestamp) -> Option<FeedPage> {
        let passed = self.passed(now);
        let feed = match request.snapshot {
            SnapshotChoice::Id(id) => self.feeds.iter_mut().find(|feed| feed.id == id),
            SnapshotChoice::Latest => self.feeds.last_mut(),
        }?;
        if now.since_ms(feed.last_used) > OPEN_FEED_TTL_MS {
            return None;
        }
        feed.last_used = now;
        Some(feed.page(request, passed))
    }

    /// Bytes held on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let feeds: usize = self.feeds.iter().map(|feed| feed.places.capacity() * size_of::<Candidate>()).sum();
        self.entries.capacity() * size_of::<PostRef>() + feeds + self.seen.heap_bytes()
    }

    /// The number of the last change worth saving.
    pub(super) fn change(&self) -> u64 {
        self.change
    }

    /// Posts older than this one may be missing; zero where none is.
    pub(super) fn floor(&self) -> PostId {
        self.floor
    }

    /// Older posts of which nothing is left to show.
    pub(super) fn passed(&self, now: Timestamp) -> Option<PassedPosts> {
        self.passed.filter(|(_, since)| is_believed(*since, now)).map(|(passed, _)| passed)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &PostRef> {
        self.entries.iter()
    }

    pub(super) fn feeds(&self) -> &[OpenedFeed] {
        &self.feeds
    }

    pub(super) fn seen(&self) -> &SeenFilter {
        &self.seen
    }

    /// Takes over what was seen and the feeds that were open before the timeline left memory.
    pub(super) fn restore(&mut self, seen: SeenFilter, feeds: Vec<OpenedFeed>) {
        self.seen = seen;
        self.feeds = feeds;
        self.feeds.retain(|feed| feed.unseen as usize <= feed.places.len());
        self.feeds.truncate(MAX_OPEN_FEEDS);
    }

    fn split_by_seen(&self, candidates: Vec<Candidate>) -> (Vec<Candidate>, Vec<Candidate>) {
        candidates.into_iter().partition(|candidate| self.seen.contains(candidate.post_id))
    }

    fn close_feeds(&mut self, now: Timestamp) {
        self.feeds.retain(|feed| now.since_ms(feed.last_used) <= OPEN_FEED_TTL_MS);
        while self.feeds.len() >= MAX_OPEN_FEEDS {
            let oldest = self.feeds.iter().enumerate().min_by_key(|(_, feed)| feed.last_used);
            match oldest.map(|(place, _)| place) {
                Some(place) => drop(self.feeds.remove(place)),
                None => break,
            }
        }
    }
}

impl OpenedFeed {
    /// Places from one on. Seen ones come only after older posts that were not.
    fn page(&self, request: PageRequest, passed: Option<PassedPosts>) -> FeedPage {
        let unseen = self.unseen as usize;
        let older = OlderPosts { below: self.floor, passed };
        let is_behind = request.position > self.unseen || older.next(request.oldest_social).is_none();
        let end = if request.include_seen && is_behind { self.places.len() } else { unseen };
        let from = (request.position as usize).min(end);
        let to = from.saturating_add(request.limit).min(end);
        let places = self.places[from..to].iter().enumerate();
        FeedPage {
            snapshot_id: self.id,
            entries: places
                .map(|(place, candidate)| FeedEntry { candidate: candidate.clone(), seen: from + place >= unseen })
                .collect(),
            position: from as u32,
            unseen: self.unseen,
            places: self.places.len() as u32,
            older,
        }
    }
}

fn is_believed(since: Timestamp, now: Timestamp) -> bool {
    (0..PASSED_TTL_MS).contains(&now.since_ms(since))
}

/// Brings those that `order` names to the front, in its order. The others stay behind them as they are.
fn put_in_order(candidates: &mut [Candidate], order: &[PostId]) {
    if order.is_empty() {
        return;
    }
    let places: HashMap<PostId, usize> = order.iter().enumerate().map(|(place, post_id)| (*post_id, place)).collect();
    candidates.sort_by_key(|candidate| places.get(&candidate.post_id).copied().unwrap_or(usize::MAX));
}
