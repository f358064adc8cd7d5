//! A hashtag's posts.

use super::Hashtags;
use crate::{
    AppResult, Page,
    hydrate::{Context, HydratedPost},
    page::PageFill,
};
use std::collections::HashMap;
use tessera_domain::{PostId, UserId, text};

impl Hashtags {
    /// Posts with the hashtag `tag` that `viewer` may see, newest first, before the post `before`. Those of authors
    /// that the viewer muted are left out, as from feeds.
    ///
    /// # Errors
    /// [`crate::AppError::Invalid`] for what can be no hashtag. One that nobody used has no posts.
    pub async fn list_hashtag_posts(
        &self,
        viewer: UserId,
        tag: &str,
        before: Option<PostId>,
        limit: usize,
    ) -> AppResult<Page<HydratedPost, PostId>> {
        let tag = text::hashtag(tag)?;
        let mut page = PageFill::new(limit, before);
        while let Some((before, count)) = page.wanted() {
            let rows = self.ledger.hashtag_posts(&tag, before, count).await?;
            let ids: Vec<PostId> = rows.iter().map(|row| row.post_id).collect();
            let posts = self.hydrator.hydrate(viewer, &ids, Context::Feed).await?;
            let mut posts: HashMap<PostId, HydratedPost> = posts.into_iter().map(|post| (post.post.id, post)).collect();
            page.add(ids.into_iter().map(|id| (id, posts.remove(&id))).collect());
        }
        Ok(page.finish())
    }
}
