//! More posts like one.

use super::{SimilarPage, SimilarPost, VisualSearch};
use crate::{AppError, AppResult, hydrate::Context};
use std::time::Duration;
use tessera_actors::Deadline;
use tessera_domain::{PostId, UserId};
use tessera_ports::ledger::Embedding;

/// How long the fallback may take.
const FALLBACK_TIMEOUT: Duration = Duration::from_millis(300);
/// Popular posts that the fallback looks at.
const POPULAR_POSTS: usize = 200;

impl VisualSearch {
    /// Posts that look like `id`, by likeness and engagement, from place `offset` of the list on. Near-duplicates are
    /// one result. Deleted posts, muted, private and blocked authors, and the post itself are left out by the search,
    /// so that the list is as long as there are others.
    ///
    /// The list is made anew for every page, of the 100 nearest posts. Where the index is unwell or does not know the
    /// post the page says `degraded` and holds popular posts.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a post that `viewer` may not see.
    pub async fn similar_posts(
        &self,
        viewer: UserId,
        id: PostId,
        offset: usize,
        limit: usize,
    ) -> AppResult<SimilarPage> {
        self.posts.open_post(viewer, id).await?;
        let embeddings: Vec<Embedding> =
            self.ledger.embeddings(&[id], None).await?.into_iter().map(|found| found.embedding).collect();
        if embeddings.is_empty() {
            return self.popular_instead(viewer, id, limit).await;
        }
        match self.look_alikes(viewer, embeddings, Some(id)).await {
            Ok(candidates) => Ok(candidates.page(offset, limit)),
            Err(AppError::Unavailable(reason)) => {
                tracing::debug!(reason, "similar posts are served without the visual index");
                self.popular_instead(viewer, id, limit).await
            }
            Err(error) => Err(error),
        }
    }

    async fn popular_instead(&self, viewer: UserId, except: PostId, limit: usize) -> AppResult<SimilarPage> {
        let top = self.popular.top(POPULAR_POSTS, Deadline::after(FALLBACK_TIMEOUT)).await?;
        let ids: Vec<PostId> = top.iter().map(|(post, _)| post.post_id).filter(|id| *id != except).collect();
        let posts = self.hydrator.hydrate(viewer, &ids, Context::Feed).await?;
        let public = posts.into_iter().filter(|post| !post.author.private);
        let items = public.take(limit).map(|post| SimilarPost { post, similarity: 0.0, score: 0.0, duplicates: 0 });
        Ok(SimilarPage { items: items.collect(), next: None, degraded: true })
    }
}
