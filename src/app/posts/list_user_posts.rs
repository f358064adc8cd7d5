//! Somebody's posts.

use super::Posts;
use crate::{
    AppResult, Page,
    accounts::UserKey,
    hydrate::{Context, HydratedPost},
    page::PageFill,
};
use std::collections::HashMap;
use tessera_domain::{PostId, UserId};

impl Posts {
    /// Posts of the account that `key` names, newest first, before the post `before`.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account or one blocks the other;
    /// [`crate::AppError::Forbidden`] for a private account that the viewer does not follow.
    pub async fn list_user_posts(
        &self,
        viewer: UserId,
        key: &UserKey,
        before: Option<PostId>,
        limit: usize,
    ) -> AppResult<Page<HydratedPost, PostId>> {
        let author = self.accounts.get_open_user(viewer, key).await?.user.id;
        let mut page = PageFill::new(limit, before);
        while let Some((before, count)) = page.wanted() {
            let rows = self.ledger.posts_by_author(author, before, count).await?;
            let ids: Vec<PostId> = rows.iter().map(|row| row.post_id).collect();
            let posts = self.hydrator.hydrate(viewer, &ids, Context::Direct).await?;
            let mut posts: HashMap<PostId, HydratedPost> = posts.into_iter().map(|post| (post.post.id, post)).collect();
            page.add(ids.into_iter().map(|id| (id, posts.remove(&id))).collect());
        }
        Ok(page.finish())
    }
}
