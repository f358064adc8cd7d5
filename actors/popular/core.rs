//! The decayed window of popular posts, with their authors.

use super::trends::Trends;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, sync::Arc};
use tessera_domain::{
    PostId, Timestamp, UserId,
    decayed_window::DecayedWindow,
    post::PostRef,
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::ledger::{EngagementHour, HashtagHour};

/// Engagement counts half after this long.
const HALF_LIFE_MS: i64 = 6 * HOUR_MS;
/// Posts that are kept; the weakest go first.
const CAPACITY: usize = 10_000;
/// What a new post starts with, in engagements, so that fresh posts can surface at all.
const FRESH_WEIGHT: f64 = 0.5;
/// The most posts that one ask gets.
const RANKED_POSTS: usize = 1_000;
/// A ranking that changes came after is made anew once it is this old.
const STALE_RANKING_MS: i64 = 250;
/// A ranking is made anew once it is this old, come what may.
const OLDEST_RANKING_MS: i64 = 60_000;

/// Something that happened to a public account's post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    Created(PostRef),
    /// Somebody engaged with it, or took that back.
    Engaged {
        post: PostRef,
        /// How much it counts.
        weight: f64,
        at: Timestamp,
    },
    Removed(PostId),
    /// It is new and has hashtags.
    Tagged {
        author_id: UserId,
        hashtags: Vec<String>,
        at: Timestamp,
    },
}

/// What the ledger knows of the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerView {
    /// Engagement by post and hour.
    pub engagement: Vec<EngagementHour>,
    /// The newest public posts.
    pub newest: Vec<PostRef>,
    pub hashtags: Vec<HashtagHour>,
}

/// What is popular, as far as this node knows.
pub(super) struct PopularCore {
    window: DecayedWindow<PostId>,
    authors: HashMap<PostId, UserId>,
    /// What was told while a load is under way; the load's result does not know of it.
    since_load_began: Option<Vec<Change>>,
    trends: Trends,
    ranked: Vec<(PostRef, f64)>,
    ranked_at: Option<Timestamp>,
    changed: bool,
}

impl PopularCore {
    pub fn new() -> Self {
        Self {
            window: DecayedWindow::new(HALF_LIFE_MS, CAPACITY),
            authors: HashMap::new(),
            since_load_began: None,
            trends: Trends::new(),
            ranked: Vec::new(),
            ranked_at: None,
            changed: false,
        }
    }

    /// Takes in what happened.
    pub fn change(&mut self, change: Change, now: Timestamp) {
        if let Some(changes) = &mut self.since_load_began
            && changes.len() < CAPACITY
        {
            changes.push(change.clone());
        }
        self.apply(change, now);
    }

    /// A load from the ledger begins.
    pub fn load_began(&mut self) {
        self.since_load_began = Some(Vec::new());
    }

    /// Replaces everything by what the ledger knows, and by what was told since the load began. An
    /// engagement that both know counts twice until the next load.
    pub fn loaded(&mut self, view: LedgerView, now: Timestamp) {
        self.window = DecayedWindow::new(HALF_LIFE_MS, CAPACITY);
        self.authors.clear();
        self.trends = Trends::loaded(view.hashtags, now);
        for post in view.newest {
            self.apply(Change::Created(post), now);
        }
        for hour in view.engagement {
            let at = hour.hour.plus_ms(HOUR_MS / 2).min(now);
            self.apply(Change::Engaged { post: hour.post, weight: hour.engagements as f64, at }, now);
        }
        for change in self.since_load_began.take().unwrap_or_default() {
            self.apply(change, now);
        }
        self.ranked_at = None;
    }

    /// A load came to nothing; what is known stays.
    pub fn load_failed(&mut self) {
        self.since_load_began = None;
    }

    /// The `limit` strongest posts of the last 24 hours, strongest first.
    pub fn top(&mut self, limit: usize, now: Timestamp) -> Vec<(PostRef, f64)> {
        let lasts_ms = if self.changed { STALE_RANKING_MS } else { OLDEST_RANKING_MS };
        if self.ranked_at.is_none_or(|at| !(0..lasts_ms).contains(&now.since_ms(at))) {
            self.rank(now);
        }
        self.ranked.iter().take(limit).copied().collect()
    }

    /// The `limit` hashtags that trend most, with their scores.
    pub fn trending(&mut self, limit: usize, now: Timestamp) -> Vec<(Arc<str>, f64)> {
        self.trends.top(limit, now)
    }

    /// Bytes on the heap, about.
    pub fn heap_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 24;
        (self.window.len() + self.authors.len()) * ENTRY_BYTES
            + self.ranked.capacity() * ENTRY_BYTES
            + self.trends.heap_bytes()
    }

    fn apply(&mut self, change: Change, now: Timestamp) {
        let oldest = now.plus_ms(-DAY_MS);
        match change {
            Change::Created(post) => {
                let created_at = post.post_id.created_at();
                if created_at < oldest || self.authors.insert(post.post_id, post.author_id).is_some() {
                    return;
                }
                self.window.add(post.post_id, FRESH_WEIGHT, created_at);
            }
            Change::Engaged { post, weight, at } => {
                if post.post_id.created_at() < oldest {
                    return;
                }
                self.authors.insert(post.post_id, post.author_id);
                self.window.add(post.post_id, weight, at);
            }
            Change::Removed(post_id) => {
                self.window.remove(&post_id);
                self.authors.remove(&post_id);
                self.ranked.retain(|(post, _)| post.post_id != post_id);
            }
            Change::Tagged { author_id, hashtags, at } => return self.trends.used(author_id, &hashtags, at),
        }
        self.changed = true;
        if self.authors.len() > 2 * CAPACITY {
            self.forget_authors_of_evicted(now);
        }
    }

    fn forget_authors_of_evicted(&mut self, now: Timestamp) {
        let kept = self.window.top(CAPACITY, now);
        self.authors = kept.into_iter().filter_map(|(id, _)| Some((id, *self.authors.get(&id)?))).collect();
    }

    fn rank(&mut self, now: Timestamp) {
        let oldest = now.plus_ms(-DAY_MS);
        let entry = |(post_id, score): (PostId, f64)| {
            let author_id = *self.authors.get(&post_id)?;
            (post_id.created_at() >= oldest).then_some((PostRef { post_id, author_id }, score))
        };
        self.ranked = self.window.top(CAPACITY, now).into_iter().filter_map(entry).take(RANKED_POSTS).collect();
        self.ranked_at = Some(now);
        self.changed = false;
    }
}
