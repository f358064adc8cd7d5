//! The ranked list of a person (`get_recommendations`).

use super::{
    Recommendations, Recommended, RecommendedList, WantedFor,
    facts::{Described, Wanted},
};
use crate::{AppError, AppResult, clock, feed::Degraded};
use futures::FutureExt;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_actors::{Deadline, breaker::BreakerError, recommender::LikeChanged};
use tessera_domain::{
    PostId, UserId,
    features::{Feature, FeatureBatch, FeatureRow},
    post::PostRef,
    recommendation::{FRESH_HOURS, FRESHNESS_BONUS, MAX_PER_AUTHOR, Reason, ScoredCandidate, apply_business_rules},
    time::HOUR_MS,
};

/// How long a list may take: without it a feed is poorer, not wrong.
const LIST_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a list may wait until it is its turn to be made.
const TURN_TIMEOUT: Duration = Duration::from_millis(100);
/// How long finding out what was seen may take.
const SEEN_TIMEOUT: Duration = Duration::from_millis(80);
/// How long the model may take; it computes for a fraction of a millisecond.
const MODEL_TIMEOUT: Duration = Duration::from_millis(50);
/// Posts that are kept of a list.
const KEPT: usize = 200;
/// How old a list may be that somebody asks for.
const ASKED_AGE: Duration = Duration::from_secs(10);
/// How old a list may be that a feed takes from without another being made.
const FEED_AGE: Duration = Duration::from_secs(60);
/// How old a list may be that a feed takes from while another is made beside it.
const STALE_FEED_AGE: Duration = Duration::from_secs(600);

/// Why no list was made.
#[derive(Debug)]
enum NoList {
    /// The node makes others.
    Crowded,
    /// It failed, was slow, or failed too often lately.
    Failed(BreakerError<AppError>),
}

/// From so many posts on a list may be older.
const LONG_LIST: usize = 50;

impl Recommendations {
    /// What is recommended to `user_id`: at once and within a third of a second. Where it cannot be had in time, or
    /// failed too often lately, it is the last good list, or else what was popular when that was last known, and says
    /// so in [`RecommendedList::missing`].
    ///
    /// A feed does not wait for a list where one of the last minutes is left that nothing has outdated: it takes from
    /// that one, and another is made beside it.
    pub(crate) async fn recommended(self: &Arc<Self>, user_id: UserId, wanted_for: WantedFor) -> Arc<RecommendedList> {
        let memory = &self.memory;
        let known = memory.current(user_id).await;
        let is_within = |age: Duration| known.as_ref().filter(|list| list.begun.elapsed() <= age).cloned();
        // Where there is little to recommend, what is new is missed, and a list costs little.
        let is_feed = wanted_for == WantedFor::Feed && known.as_ref().is_some_and(|list| list.items.len() >= LONG_LIST);
        if let Some(list) = is_within(if is_feed { FEED_AGE } else { ASKED_AGE }) {
            return list;
        }
        if let Some(stale) = is_within(STALE_FEED_AGE).filter(|_| is_feed) {
            self.renew_beside(user_id);
            return stale;
        }
        match self.renew(user_id, TURN_TIMEOUT).await {
            Some(list) => list,
            None => Arc::new(self.fallback(user_id).await),
        }
    }

    /// Makes a list for feeds opened later, if the node has a turn for it now.
    fn renew_beside(self: &Arc<Self>, user_id: UserId) {
        if self.memory.making.available_permits() > 0 {
            let this = self.clone();
            tokio::spawn(async move { this.renew(user_id, Duration::ZERO).await });
        }
    }

    /// A list made now, or by others who asked for it in the last seconds; `None` where it cannot be had.
    async fn renew(&self, user_id: UserId, patience: Duration) -> Option<Arc<RecommendedList>> {
        // Boxed, here and below: the futures of all these questions are large, and everybody who awaits holds them.
        let refusal = match self.memory.fresh(user_id, self.make_in_turn(user_id, patience).boxed()).await {
            Ok(list) => return Some(list),
            Err(refusal) => refusal,
        };
        match &*refusal {
            NoList::Crowded => metrics::counter!("tessera_recommendations_crowded_out_total").increment(1),
            // The breaker said so when it opened.
            NoList::Failed(BreakerError::Open { .. }) => tracing::debug!("recommendations are old ones"),
            NoList::Failed(error) => tracing::warn!(%error, "recommendations are old ones"),
        }
        None
    }

    /// A list made now, through the breaker, by the node's next turn. As many are made at once as there are cores:
    /// under load some are ready in time, instead of none. That there is no turn says nothing of what lists are made
    /// from, so the breaker does not count it against them.
    async fn make_in_turn(&self, user_id: UserId, patience: Duration) -> Result<RecommendedList, NoList> {
        let making = &self.memory.making;
        let _turn = match making.try_acquire() {
            Ok(turn) => turn,
            Err(_) => match tokio::time::timeout(patience, making.acquire()).await {
                Ok(Ok(turn)) => turn,
                _ => return Err(NoList::Crowded),
            },
        };
        let deadline = Deadline::after(LIST_TIMEOUT);
        self.breakers.recommendations.call(deadline, self.make_list(user_id)).await.map_err(NoList::Failed)
    }

    /// Tells what depends on somebody's taste that they like a post now, or no longer do.
    pub(crate) async fn taste_changed(&self, user_id: UserId, change: LikeChanged) {
        self.recommenders.like_changed(user_id, change);
        self.memory.outdate(user_id).await;
    }

    async fn fallback(&self, user_id: UserId) -> RecommendedList {
        let missing = vec![Degraded::Recommendations];
        if let Some(last) = self.memory.last(user_id).await {
            let items = last.items.clone();
            let (id, begun, has_more) = (last.id, last.begun, last.has_more);
            return RecommendedList { id, begun, items, has_more, rows: HashMap::new(), missing };
        }
        // Who may see which of them is decided when they are shown.
        let mut per_author: HashMap<UserId, usize> = HashMap::new();
        let popular = self.memory.popular();
        let items = popular.iter().filter(|post| {
            let count = per_author.entry(post.author_id).or_default();
            *count += 1;
            post.author_id != user_id && *count <= MAX_PER_AUTHOR
        });
        let items = items.map(|post| Recommended { post: *post, score: 0.0, reason: Reason::Popular });
        let items = items.take(KEPT).collect();
        RecommendedList { id: 0, begun: Instant::now(), items, has_more: false, rows: HashMap::new(), missing }
    }

    async fn make_list(&self, user_id: UserId) -> AppResult<RecommendedList> {
        let begun = Instant::now();
        let gathered = self.gather_candidates(user_id).boxed().await?;
        let ids: Vec<PostId> = gathered.candidates.iter().map(|candidate| candidate.post.post_id).collect();
        let (described, unseen) = tokio::join!(
            self.describe_candidates(user_id, &gathered, Wanted::Recommended).boxed(),
            self.unseen(user_id, ids).boxed(),
        );
        let described = described?;
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
        let scored: Vec<ScoredCandidate> = described
            .into_iter()
            .zip(scores)
            .map(|(described, score)| {
                if is_logged {
                    rows.insert(described.candidate.post.post_id, described.row);
                }
                ScoredCandidate {
                    post: described.candidate.post,
                    score,
                    reason: described.reason,
                    is_similar_to_seen: described.is_similar_to_seen,
                }
            })
            .collect();
        // What was seen comes last, for feeds that show it, so that those who saw the best of it still get new posts.
        let is_new =
            |candidate: &ScoredCandidate| unseen.as_ref().is_none_or(|ids| ids.contains(&candidate.post.post_id));
        let (new, seen): (Vec<_>, Vec<_>) = scored.into_iter().partition(is_new);
        let unseen_count = new.len();
        let mut ranked = apply_business_rules(new, clock::now());
        let has_more = unseen_count > ranked.len().min(KEPT);
        ranked.extend(apply_business_rules(seen, clock::now()));
        ranked.truncate(KEPT);
        let items: Vec<Recommended> = (ranked.into_iter())
            .map(|ranked| Recommended { post: ranked.post, score: ranked.score, reason: ranked.reason })
            .collect();
        metrics::histogram!("tessera_recommendation_seconds").record(begun.elapsed().as_secs_f64());
        rows.retain(|post_id, _| items.iter().any(|item| item.post.post_id == *post_id));
        Ok(RecommendedList { id: rand::random(), begun, items, has_more, rows, missing })
    }

    /// Those of `post_ids` that `user_id` has not seen; `None` where that cannot be known in time.
    async fn unseen(&self, user_id: UserId, post_ids: Vec<PostId>) -> Option<HashSet<PostId>> {
        match self.timelines.unseen(user_id, post_ids, Deadline::after(SEEN_TIMEOUT)).await {
            Ok(unseen) => Some(unseen.into_iter().collect()),
            Err(error) => {
                tracing::debug!(%error, "recommendations may have been seen");
                None
            }
        }
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
        let now = clock::now();
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
