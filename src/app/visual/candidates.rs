//! Posts that look alike and that the viewer may see.

use super::{
    SimilarPage, SimilarPost, VisualSearch,
    ranking::{Candidate, rank},
};
use crate::{
    AppError, AppResult,
    hydrate::{Context, HydratedPost},
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tessera_actors::{
    Deadline,
    breaker::BreakerError,
    visual_search::{Embedder, VisualHit, VisualQuery},
};
use tessera_domain::{
    PostId, UserId,
    user::{Visibility, visibility},
};
use tessera_ports::ledger::Embedding;

/// Nearest posts that are looked at: what is further away is not like the picture any more.
const CANDIDATES: u16 = 100;
/// How long a search may take in all.
const SEARCH_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long one round over the shards may take.
const ROUND_TIMEOUT: Duration = Duration::from_millis(700);
/// Authors and posts that a search is told to leave out, at most.
const MAX_EXCLUDED: usize = 4_000;

/// Candidates that may be shown, nearest first.
#[derive(Default)]
pub(super) struct Candidates {
    hits: Vec<VisualHit>,
    posts: HashMap<PostId, HydratedPost>,
    degraded: bool,
}

impl VisualSearch {
    /// The nearest posts that `viewer` may see, but for `except`; through the breaker of the visual index.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] at once where the index failed too often lately, and where it does not answer.
    pub(super) async fn look_alikes(
        &self,
        viewer: UserId,
        embeddings: Vec<Embedding>,
        except: Option<PostId>,
    ) -> AppResult<Candidates> {
        let mut vectors: Vec<(String, Vec<f32>)> =
            embeddings.into_iter().map(|embedding| (embedding.model, embedding.vector)).collect();
        let current = self.embedder.as_ref().map(Embedder::version);
        vectors.sort_by_key(|(model, _)| Some(model.as_str()) != current);
        let query = VisualQuery {
            vectors,
            limit: CANDIDATES,
            excluded_posts: except.into_iter().collect(),
            excluded_authors: Vec::new(),
        };
        let deadline = Deadline::after(SEARCH_TIMEOUT);
        let called = self.breaker.call(deadline, self.visible_candidates(viewer, query, deadline)).await;
        called.map_err(|error| match error {
            BreakerError::Failed(error) => error,
            other => AppError::Unavailable(format!("the visual index: {other}")),
        })
    }

    /// Searches until enough is found that may be shown, or until there is no more: what may not is left out by the
    /// next round's search itself, so that it makes no result short.
    async fn visible_candidates(
        &self,
        viewer: UserId,
        mut query: VisualQuery,
        deadline: Deadline,
    ) -> AppResult<Candidates> {
        loop {
            let found = self.index.search(&query, deadline.at_most(ROUND_TIMEOUT)).await?;
            let mut hits = found.hits;
            let forbidden = self.forbidden_authors(viewer, &hits).await?;
            hits.retain(|hit| !forbidden.contains(&hit.post.author_id));
            let ids: Vec<PostId> = hits.iter().map(|hit| hit.post.post_id).collect();
            let hydrated = self.hydrator.hydrate(viewer, &ids, Context::Feed).await?;
            let posts: HashMap<PostId, HydratedPost> = hydrated.into_iter().map(|post| (post.post.id, post)).collect();
            hits.retain(|hit| posts.contains_key(&hit.post.post_id));
            let gone = ids.into_iter().filter(|id| !posts.contains_key(id));
            let excluded = query.excluded_posts.len() + query.excluded_authors.len();
            query.excluded_posts.extend(gone);
            query.excluded_authors.extend(forbidden);
            let now_excluded = query.excluded_posts.len() + query.excluded_authors.len();
            let is_whole = now_excluded == excluded || !found.more;
            let is_cut = now_excluded > MAX_EXCLUDED || deadline.at_most(ROUND_TIMEOUT) == deadline;
            if is_whole || is_cut {
                let degraded = found.missing_shards > 0 || !is_whole;
                return Ok(Candidates { hits, posts, degraded });
            }
        }
    }

    /// Authors of these whose posts `viewer` must not find: gone, private, muted, or blocked either way.
    async fn forbidden_authors(&self, viewer: UserId, hits: &[VisualHit]) -> AppResult<HashSet<UserId>> {
        let ids: HashSet<UserId> = hits.iter().map(|hit| hit.post.author_id).collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        let authors = self.hydrator.users_for(viewer, ids.iter().copied().collect()).await?;
        let may_be_found = |id: &UserId| {
            authors.get(id).is_some_and(|(author, standing)| {
                let visible = visibility(viewer, author, *standing) == Visibility::Visible;
                visible && (!author.private || author.id == viewer)
            })
        };
        Ok(ids.into_iter().filter(|id| !may_be_found(id)).collect())
    }
}

impl Candidates {
    /// The page from `offset` on.
    pub(super) fn page(mut self, offset: usize, limit: usize) -> SimilarPage {
        let candidates: Vec<Candidate> = self.hits.iter().filter_map(|hit| self.candidate(hit)).collect();
        let ranked = rank(&candidates);
        let next = Some(offset + limit).filter(|next| *next < ranked.len());
        let items = ranked.into_iter().skip(offset).take(limit).filter_map(|ranked| {
            Some(SimilarPost {
                post: self.posts.remove(&ranked.post_id)?,
                similarity: ranked.similarity,
                score: ranked.score,
                duplicates: ranked.duplicates,
            })
        });
        SimilarPage { items: items.collect(), next, degraded: self.degraded }
    }

    fn candidate(&self, hit: &VisualHit) -> Option<Candidate> {
        let post = self.posts.get(&hit.post.post_id)?;
        Some(Candidate {
            post_id: hit.post.post_id,
            author_id: hit.post.author_id,
            similarity: hit.similarity,
            perceptual_hash: hit.perceptual_hash,
            counts: post.counts,
        })
    }
}
