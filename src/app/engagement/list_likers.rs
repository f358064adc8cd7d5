//! Who likes a post.

use super::Engagement;
use crate::{AppResult, Page, hydrate::Shown, page::PageFill};
use std::sync::Arc;
use tessera_domain::{
    PostId, UserId,
    user::{User, Visibility, visibility},
};

impl Engagement {
    /// Who likes a post, newest first, after the position `after`. Accounts that are blocked either way, or
    /// private and not followed by the viewer, or deleted are left out; the post's count has them all.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where the viewer may not see the post.
    pub async fn list_likers(
        &self,
        viewer: UserId,
        post_id: PostId,
        after: Option<i64>,
        limit: usize,
    ) -> AppResult<Page<Arc<Shown<User>>, i64>> {
        self.posts.open_post(viewer, post_id).await?;
        let mut page = PageFill::new(limit, after);
        while let Some((after, count)) = page.wanted() {
            let rows = self.ledger.likers(post_id, after, count).await?;
            let users = self.hydrator.users_for(viewer, rows.iter().map(|row| row.user_id).collect()).await?;
            let shown = rows.into_iter().map(|row| {
                let user = users.get(&row.user_id);
                let user = user.filter(|(user, stands)| visibility(viewer, user, *stands) != Visibility::Hidden);
                (row.position, user.map(|(user, _)| user.clone()))
            });
            page.add(shown.collect());
        }
        Ok(page.finish())
    }
}
