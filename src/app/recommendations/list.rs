//! The ranked list of a person (`get_recommendations`).

use super::facts::{Described, Wanted};
use crate::{App, AppError, AppResult, feed::Degraded};
use futures::FutureExt;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_actors::{Deadline, breaker::BreakerError, recommender::LikeChanged};
use tessera_domain::{
    PostId, UserId,
    features::{Feature, FeatureBatch, FeatureRow},
    post::PostRef,
    ranking::{FRESH_HOURS, FRESHNESS_BONUS, MAX_PER_AUTHOR},
    recommendation::{Reason, ScoredCandidate, apply_business_rules},
    time::HOUR_MS,
};

/// How long a list may take: without it a feed is poorer, not wrong.
const LIST_TIMEOUT: Duration = Duration::from_millis(200);
/// How long a list may wait until it is made.
const TURN_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the model may take; it computes for a fraction of a millisecond.
const MODEL_TIMEOUT: Duration = Duration::from_millis(50);
/// Posts that are kept of a list.
const KEPT: usize = 200;
/// How old a list may be that somebody asks for.
const ASKED_AGE: Duration = Duration::from_secs(10);
/// How old a list may be that a feed takes from.
const FEED_AGE: Duration = Duration::from_secs(60);
/// How old a list may be that a feed takes from while the node has no turn to make another.
const CROWDED_FEED_AGE: Duration = Duration::from_secs(600);

/// Who wants a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WantedFor {
    /// A feed that is opened: quick before new, as its recommendations are a few among many posts.
    Feed,
    /// Somebody who asks for nothing else.
    List,
}

/// A recommended post.
#[derive(Debug, Clone)]
pub(crate) struct Recommended {
    /// Which, and whose.
    pub post: PostRef,
    /// What it was ordered by: the model's score after the business rules.
    pub score: f64,
    /// Why it is there.
    pub reason: Reason,
}

/// What is recommended to a person, best first.
#[derive(Debug)]
pub(crate) struct RecommendedList {
    /// Tells lists apart.
    pub id: u64,
    /// When the first question for it was asked.
    pub begun: Instant,
    /// The posts.
    pub items: Vec<Recommended>,
    /// By what they were ranked, of people whose lists are logged.
    pub rows: HashMap<PostId, FeatureRow>,
    /// What it was made without.
    pub missing: Vec<Degraded>,
}

impl RecommendedList {
    /// Whether nothing was missing when it was made.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// The entry of a post.
    pub fn find(&self, post_id: PostId) -> Option<&Recommended> {
        self.items.iter().find(|item| item.post.post_id == post_id)
    }
}

impl App {
    /// What is recommended to `user_id`: at once and within a fifth of a second. Where it cannot be had in time, or failed
    /// too often lately, it is the last good list, or else what was popular when that was last known, and says so in
    /// [`RecommendedList::missing`].
    pub(crate) async fn recommended(&self, user_id: UserId, wanted_for: WantedFor) -> Arc<RecommendedList> {
        let deadline = Deadline::after(LIST_TIMEOUT);
        match self.breakers.recommendations.call(deadline, self.known_or_made(user_id, wanted_for).boxed()).await {
            Ok(Some(list)) => list,
            Ok(None) => {
                metrics::counter!("tessera_recommendations_crowded_out_total").increment(1);
                Arc::new(self.fallback(user_id).await)
            }
            Err(error) => {
                match error {
                    // The breaker said so when it opened.
                    BreakerError::Open { .. } => tracing::debug!("recommendations are old ones"),
                    error => tracing::warn!(%error, "recommendations are old ones"),
                }
                Arc::new(self.fallback(user_id).await)
            }
        }
    }

    /// A list that is new enough, or one made now; `None` where there was no turn to make it.
    async fn known_or_made(&self, user_id: UserId, wanted_for: WantedFor) -> AppResult<Option<Arc<RecommendedList>>> {
        let memory = &self.recommendation_memory;
        let known = memory.current(user_id).await;
        let is_within = |age: Duration| known.as_ref().is_some_and(|list| list.begun.elapsed() <= age);
        let is_feed = wanted_for == WantedFor::Feed;
        if is_within(if is_feed { FEED_AGE } else { ASKED_AGE }) {
            return Ok(known);
        }
        // As many at once as there are cores: under load some are ready in time, instead of none. That there is no turn
        // says nothing of what lists are made from, so the breaker does not count it against them.
        let turn = match memory.making.try_acquire() {
            Ok(turn) => turn,
            Err(_) if is_feed && is_within(CROWDED_FEED_AGE) => return Ok(known),
            Err(_) => match tokio::time::timeout(TURN_TIMEOUT, memory.making.acquire()).await {
                Ok(Ok(turn)) => turn,
                _ => return Ok(None),
            },
        };
        // Boxed, here and below: the futures of all these questions are large, and everybody who awaits holds them.
        let list = memory.fresh(user_id, self.make_list(user_id).boxed()).await;
        drop(turn);
        list.map(Some)
    }

    /// Tells what depends on somebody's taste that they like a post now, or no longer do.
    pub(crate) async fn taste_changed(&self, user_id: UserId, change: LikeChanged) {
        self.actors.recommenders.like_changed(user_id, change);
        self.recommendation_memory.outdate(user_id).await;
    }

    async fn fallback(&self, user_id: UserId) -> RecommendedList {
        let missing = vec![Degraded::Recommendations];
        if let Some(last) = self.recommendation_memory.last(user_id).await {
            let items = last.items.clone();
            return RecommendedList { id: last.id, begun: last.begun, items, rows: HashMap::new(), missing };
        }
        // Who may see which of them is decided when they are shown.
        let mut per_author: HashMap<UserId, usize> = HashMap::new();
        let popular = self.recommendation_memory.popular();
        let items = popular.iter().filter(|post| {
            let count = per_author.entry(post.author_id).or_default();
            *count += 1;
            post.author_id != user_id && *count <= MAX_PER_AUTHOR
        });
        let items = items.map(|post| Recommended { post: *post, score: 0.0, reason: Reason::Popular });
        let items = items.take(KEPT).collect();
        RecommendedList { id: 0, begun: Instant::now(), items, rows: HashMap::new(), missing }
    }

    async fn make_list(&self, user_id: UserId) -> AppResult<RecommendedList> {
        let begun = Instant::now();
        let gathered = self.gather_candidates(user_id).boxed().await?;
        let described = self.describe_candidates(user_id, &gathered, Wanted::Recommended).boxed().await?;
        metrics::histogram!("tessera_recommendation_candidates").record(gathered.candidates.len() as f64);
        let mut missing = gathered.missing;
        let scores = match self.score(&described).await {
            Some(scores) => scores,
            None => {
                missing.push(Degraded::Ranking);
                by_popularity(&described)
            }
        };
        let mut rows: HashMap<PostId, FeatureRow> = HashMap::new();
        let is_logged = self.is_logged(user_id);
        let scored = described.into_iter().zip(scores).map(|(described, score)| {
            if is_logged {
                rows.insert(described.candidate.post.post_id, described.row);
            }
            ScoredCandidate {
                post: described.candidate.post,
                score,
                reason: described.reason,
                is_similar_to_seen: described.is_similar_to_seen,
            }
        });
        let mut ranked = apply_business_rules(scored.collect(), self.now());
        ranked.truncate(KEPT);
        let items: Vec<Recommended> = (ranked.into_iter())
            .map(|ranked| Recommended { post: ranked.post, score: ranked.score, reason: ranked.reason })
            .collect();
        metrics::histogram!("tessera_recommendation_seconds").record(begun.elapsed().as_secs_f64());
        rows.retain(|post_id, _| items.iter().any(|item| item.post.post_id == *post_id));
        Ok(RecommendedList { id: rand::random(), begun, items, rows, missing })
    }

    /// Posts by people whom `user_id` follows, most worth showing first: by the model, with the bonus for fresh posts.
    ///
    /// # Errors
    /// Where the model or what it wants to know cannot be had.
    pub(crate) async fn rank_followed(&self, user_id: UserId, posts: &[PostRef]) -> AppResult<Vec<PostId>> {
        let gathered = self.gather_followed(user_id, posts).await;
        let described = self.describe_candidates(user_id, &gathered, Wanted::Followed).boxed().await?;
        let failed = || AppError::Unavailable("the ranking model does not answer".to_owned());
        let scores = self.score(&described).await.ok_or_else(failed)?;
        let now = self.now();
        let mut scored: Vec<(PostId, f64)> = (described.iter().zip(scores))
            .map(|(described, score)| {
                let post_id = described.candidate.post.post_id;
                let is_fresh = now.since_ms(post_id.created_at()) < FRESH_HOURS * HOUR_MS;
                (post_id, if is_fresh { score + FRESHNESS_BONUS } else { score })
            })
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
        Ok(scored.into_iter().map(|(post_id, _)| post_id).collect())
    }

    /// The model's scores; `None` where it failed now or too often lately.
    async fn score(&self, described: &[Described]) -> Option<Vec<f64>> {
        let mut batch = FeatureBatch::with_capacity(described.len());
        described.iter().for_each(|described| batch.push(&described.row));
        let model = self.ranking.current();
        let work = async { model.score(&batch) };
        match self.breakers.ranking_model.call(Deadline::after(MODEL_TIMEOUT), work).await {
            Ok(scores) => Some(scores.into_iter().map(f64::from).collect()),
            Err(error) => {
                tracing::debug!(%error, "recommendations are ranked by popularity");
                None
            }
        }
    }
}

/// Scores from 0 to 1 by what is popular now.
fn by_popularity(described: &[Described]) -> Vec<f64> {
    let popularity = |described: &Described| f64::from(described.row.get(Feature::RecentLikesLog)).max(0.0);
    let strongest = described.iter().map(popularity).fold(f64::MIN_POSITIVE, f64::max);
    described.iter().map(|described| popularity(described) / strongest).collect()
}
