//! Where candidates come from (`generate_candidates`): four sources side by side, each a fixed number of questions.

use super::Recommendations;
use crate::{AppError, AppResult, clock, feed::Degraded};
use futures::{FutureExt, future::OptionFuture};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_actors::{
    Deadline,
    recommender::TasteView,
    visual_search::{Embedder, VisualQuery},
};
use tessera_domain::{PostId, UserId, post::PostRef, recommendation::CandidateSources, time::DAY_MS};

/// Candidates that are ranked.
pub(super) const TARGET: usize = 1_000;
/// Popular posts of the last 24 hours.
const POPULAR_POSTS: usize = 400;
/// With fewer popular posts than this the newest public ones are added, so that nobody's list is empty.
const ENOUGH_POPULAR: usize = 50;
/// Posts by similar people: six for each of fifty.
const SIMILAR_POSTS: usize = 300;
/// Posts by one similar person, and likes of one.
const PER_SIMILAR_USER: usize = 6;
/// Posts with hashtags that are followed or trend.
const HASHTAG_POSTS: usize = 200;
/// Hashtags that trend and are looked at.
const TRENDING_HASHTAGS: usize = 10;
/// Hashtags whose posts are asked for; what is followed comes first.
const HASHTAGS: usize = 50;
/// How old posts of hashtags may be.
const HASHTAG_DAYS: i64 = 7;
/// Likes whose look-alikes are looked for.
pub(super) const LIKES_WITH_LOOKS: usize = 10;
/// Look-alikes: ten for each of those likes.
const LOOK_ALIKES: u16 = 100;
/// How long one source may take.
const SOURCE_TIMEOUT: Duration = Duration::from_millis(120);
/// How long the sources may take that begin with the person's taste: that and the source after it.
const TASTE_TIMEOUT: Duration = Duration::from_millis(160);
/// So long before its time is up a source gives what it has.
const MARGIN: Duration = Duration::from_millis(20);

/// A post that may be recommended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub post: PostRef,
    pub sources: CandidateSources,
    /// Score in the decayed window of popular posts.
    pub popularity: Option<f64>,
}

/// All candidates and what was learnt of the person on the way.
#[derive(Default)]
pub(super) struct Gathered {
    pub candidates: Vec<Candidate>,
    pub taste: TasteView,
    pub followed_hashtags: HashSet<String>,
    pub trending_hashtags: Vec<Arc<str>>,
    /// Similar people by whom each post is liked or made, with their likeness.
    pub likeness: HashMap<PostId, f64>,
    pub missing: Vec<Degraded>,
}

impl Gathered {
    fn add(&mut self, known: &mut HashMap<PostId, usize>, post: PostRef, source: CandidateSources) -> Option<usize> {
        if let Some(index) = known.get(&post.post_id) {
            self.candidates[*index].sources |= source;
            return Some(*index);
        }
        if self.candidates.len() >= TARGET {
            return None;
        }
        known.insert(post.post_id, self.candidates.len());
        self.candidates.push(Candidate { post, sources: source, popularity: None });
        Some(self.candidates.len() - 1)
    }
}

/// What similar people made and like.
#[derive(Default)]
struct SimilarPeople {
    posts: Vec<PostRef>,
    likeness: HashMap<PostId, f64>,
}

#[derive(Default)]
struct Hashtags {
    followed: HashSet<String>,
    trending: Vec<Arc<str>>,
    posts: Vec<PostRef>,
}

impl Recommendations {
    /// Candidates of all sources, at most [`TARGET`]. Fails only where nothing at all could be had.
    pub(super) async fn gather_candidates(&self, user_id: UserId) -> AppResult<Gathered> {
        let (popular, (taste, similar, looks), hashtags) = tokio::join!(
            in_time(Degraded::Popular, self.popular_candidates().boxed()),
            self.candidates_by_taste(user_id).boxed(),
            in_time(Degraded::Hashtags, self.hashtag_candidates(user_id).boxed()),
        );
        let mut gathered = Gathered::default();
        let parts = [popular.is_err(), taste.is_err(), similar.is_err(), looks.is_err(), hashtags.is_err()];
        if parts.iter().all(|failed| *failed) {
            return Err(AppError::Unavailable("no source of recommendations answers".to_owned()));
        }
        let failed = [popular.as_ref().err(), taste.as_ref().err(), similar.as_ref().err()];
        let failed = failed.into_iter().chain([looks.as_ref().err(), hashtags.as_ref().err()]);
        gathered.missing = failed.flatten().copied().collect();
        gathered.taste = taste.unwrap_or_default();
        let hashtags = hashtags.unwrap_or_default();
        (gathered.followed_hashtags, gathered.trending_hashtags) = (hashtags.followed, hashtags.trending);
        let similar = similar.unwrap_or_default();
        gathered.likeness = similar.likeness;

        let mut known = HashMap::with_capacity(TARGET);
        for (post, score) in popular.unwrap_or_default() {
            let source = if score.is_some() { CandidateSources::POPULAR } else { CandidateSources::default() };
            if let Some(index) = gathered.add(&mut known, post, source) {
                gathered.candidates[index].popularity = score;
            }
        }
        // The longest last: the others fit, and of what similar people like the best comes first.
        let lists = [
            (looks.unwrap_or_default(), CandidateSources::VISUAL),
            (hashtags.posts, CandidateSources::TRENDING),
            (similar.posts, CandidateSources::SIMILAR_USERS),
        ];
        for (posts, source) in lists {
            for post in posts {
                gathered.add(&mut known, post, source);
            }
        }
        Ok(gathered)
    }

    /// Followed posts as candidates of no source, with what is known of the person; without their taste where that
    /// cannot be had.
    pub(super) async fn gather_followed(&self, user_id: UserId, posts: &[PostRef]) -> Gathered {
        let candidate =
            |post: &PostRef| Candidate { post: *post, sources: CandidateSources::default(), popularity: None };
        let (taste, followed) = tokio::join!(
            self.taste(user_id),
            in_time(Degraded::Hashtags, async { Ok(self.ledger.followed_hashtags(user_id).await?) }),
        );
        Gathered {
            candidates: posts.iter().take(TARGET).map(candidate).collect(),
            taste: taste.unwrap_or_default(),
            followed_hashtags: followed.unwrap_or_default().into_iter().collect(),
            ..Gathered::default()
        }
    }

    /// What is known of a person's taste, through the recommenders' breaker.
    async fn taste(&self, user_id: UserId) -> Result<TasteView, Degraded> {
        let deadline = Deadline::after(SOURCE_TIMEOUT);
        let asked = self.recommenders.taste(user_id, deadline);
        self.breakers.recommenders.call_ward(user_id.0, deadline, asked).await.map_err(|error| {
            tracing::debug!(%error, "recommendations know nobody's taste");
            Degraded::SimilarUsers
        })
    }

    /// Popular posts of the last day with their scores, strongest first. Where there are few, the newest public posts
    /// follow without a score.
    async fn popular_candidates(&self) -> AppResult<Vec<(PostRef, Option<f64>)>> {
        let top = self.popular.top(POPULAR_POSTS, Deadline::after(SOURCE_TIMEOUT)).await?;
        let mut found: Vec<(PostRef, Option<f64>)> = top.into_iter().map(|(post, score)| (post, Some(score))).collect();
        if found.len() < ENOUGH_POPULAR {
            let known: HashSet<PostId> = found.iter().map(|(post, _)| post.post_id).collect();
            let newest = self.newest_public_posts().await?;
            found.extend(newest.iter().filter(|post| !known.contains(&post.post_id)).map(|post| (*post, None)));
        }
        self.memory.keep_popular(found.iter().map(|(post, _)| *post));
        Ok(found)
    }

    /// What follows from what the person likes: posts of people who like the same, and look-alikes.
    async fn candidates_by_taste(
        &self,
        user_id: UserId,
    ) -> (Result<TasteView, Degraded>, Result<SimilarPeople, Degraded>, Result<Vec<PostRef>, Degraded>) {
        let began = Instant::now();
        let taste = match self.taste(user_id).await {
            Ok(taste) => taste,
            Err(part) => return (Err(part), Ok(SimilarPeople::default()), Ok(Vec::new())),
        };
        let left = TASTE_TIMEOUT.saturating_sub(began.elapsed());
        let looks = self.look_alike_candidates(user_id, &taste, Deadline::after(left.saturating_sub(MARGIN)));
        let (similar, looks) = tokio::join!(
            within(left, Degraded::SimilarUsers, self.similar_candidates(&taste).boxed()),
            within(left, Degraded::VisualSearch, looks.boxed()),
        );
        (Ok(taste), similar, looks)
    }

    async fn similar_candidates(&self, taste: &TasteView) -> AppResult<SimilarPeople> {
        let likeness: HashMap<UserId, f64> = taste.similar_users.iter().copied().collect();
        let people: Vec<UserId> = taste.similar_users.iter().map(|(user, _)| *user).collect();
        if people.is_empty() {
            return Ok(SimilarPeople::default());
        }
        let (made, liked) = tokio::try_join!(
            self.ledger.recent_posts(&people, None, SIMILAR_POSTS),
            self.ledger.recent_likes(&people, PER_SIMILAR_USER),
        )?;
        let mut found = SimilarPeople::default();
        let mut by_author: HashMap<UserId, usize> = HashMap::new();
        let made = made.into_iter().filter(|post| {
            let count = by_author.entry(post.author_id).or_default();
            *count += 1;
            *count <= PER_SIMILAR_USER
        });
        let made = made.map(|post| (post.author_id, post));
        for (who, post) in liked.into_iter().map(|like| (like.user_id, like.post)).chain(made) {
            *found.likeness.entry(post.post_id).or_default() += likeness.get(&who).copied().unwrap_or_default();
            found.posts.push(post);
        }
        // What most of the most similar people like comes first, in case there are too many.
        found.posts.sort_by(|a, b| found.likeness[&b.post_id].total_cmp(&found.likeness[&a.post_id]));
        found.posts.dedup();
        Ok(found)
    }

    async fn hashtag_candidates(&self, user_id: UserId) -> AppResult<Hashtags> {
        let deadline = Deadline::after(SOURCE_TIMEOUT);
        let trending = async { Ok(self.popular.trending(TRENDING_HASHTAGS, deadline).await?) };
        let followed = async { AppResult::Ok(self.ledger.followed_hashtags(user_id).await?) };
        let (trending, followed) = tokio::try_join!(trending, followed)?;
        let trending: Vec<Arc<str>> = trending.into_iter().map(|(tag, _)| tag).collect();
        // Those that are followed and trend, then those followed, then those that trend.
        let mut tags: Vec<String> = followed.clone();
        tags.sort_by_key(|tag| !trending.iter().any(|trending| **trending == **tag));
        tags.extend(trending.iter().map(|tag| tag.to_string()).filter(|tag| !followed.contains(tag)));
        tags.truncate(HASHTAGS);
        let since = PostId::first_at(clock::now().plus_ms(-HASHTAG_DAYS * DAY_MS));
        let posts: OptionFuture<_> =
            (!tags.is_empty()).then(|| self.ledger.public_hashtag_posts(&tags, since, HASHTAG_POSTS)).into();
        let posts = posts.await.transpose()?.unwrap_or_default();
        Ok(Hashtags { followed: followed.into_iter().collect(), trending, posts })
    }

    /// Posts that look like what the person liked last, through the breaker of the visual index. One search for all.
    async fn look_alike_candidates(
        &self,
        user_id: UserId,
        taste: &TasteView,
        deadline: Deadline,
    ) -> AppResult<Vec<PostRef>> {
        let Some(model) = self.embedder.as_ref().map(Embedder::version) else { return Ok(Vec::new()) };
        let liked: Vec<PostId> = taste.likes.iter().take(LIKES_WITH_LOOKS).map(|(post, _)| post.post_id).collect();
        let vectors = self.vectors(&liked).await?;
        if vectors.is_empty() {
            return Ok(Vec::new());
        }
        let query = VisualQuery {
            vectors: vectors.into_values().map(|vector| (model.to_owned(), vector.to_vec())).collect(),
            limit: LOOK_ALIKES,
            excluded_posts: taste.likes.iter().map(|(post, _)| post.post_id).collect(),
            excluded_authors: vec![user_id],
        };
        let search = async { AppResult::Ok(self.visual.search(&query, deadline).await?) };
        let found = self.breakers.visual_index.call(deadline, search).await;
        let found = found.map_err(|error| AppError::Unavailable(format!("the visual index: {error}")))?;
        Ok(found.hits.into_iter().map(|hit| hit.post).collect())
    }

    /// Embeddings of these posts by the model in use; those that have none are left out.
    pub(super) async fn vectors(&self, post_ids: &[PostId]) -> AppResult<HashMap<PostId, Arc<[f32]>>> {
        let Some(embedder) = &self.embedder else { return Ok(HashMap::new()) };
        let (ledger, model) = (self.ledger.clone(), embedder.version().to_owned());
        let load = move |missing: Vec<(PostId, u64)>| async move {
            let ids: Vec<PostId> = missing.into_iter().map(|(id, _)| id).collect();
            let found = ledger.embeddings(&ids, Some(&model)).await?;
            Ok(found.into_iter().map(|found| (found.post.post_id, Arc::from(found.embedding.vector))).collect())
        };
        self.memory.vectors.get_many(post_ids, load).await
    }
}

/// The source's answer, or its name where it fails or takes too long.
async fn in_time<T>(part: Degraded, work: impl Future<Output = AppResult<T>>) -> Result<T, Degraded> {
    within(SOURCE_TIMEOUT, part, work).await
}

async fn within<T>(limit: Duration, part: Degraded, work: impl Future<Output = AppResult<T>>) -> Result<T, Degraded> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => tracing::debug!(part = part.as_str(), %error, "recommendations lack a source"),
        Err(_) => tracing::debug!(part = part.as_str(), "recommendations lack a source that is slow"),
    }
    Err(part)
}
