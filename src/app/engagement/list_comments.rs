//! Comments of a post.

use super::{CommentView, Engagement};
use crate::{AppResult, Page, page::PageFill};
use tessera_domain::{CommentId, PostId, UserId};

impl Engagement {
    /// Comments of a post, oldest first, after the comment `after`. Those of accounts that are blocked either
    /// way are left out.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where the viewer may not see the post.
    pub async fn list_comments(
        &self,
        viewer: UserId,
        post_id: PostId,
        after: Option<CommentId>,
        limit: usize,
    ) -> AppResult<Page<CommentView, CommentId>> {
        self.posts.open_post(viewer, post_id).await?;
        let mut page = PageFill::new(limit, after);
        while let Some((after, count)) = page.wanted() {
            let comments = self.ledger.comments(post_id, after, count).await?;
            page.add(self.comment_views(viewer, comments).await?);
        }
        Ok(page.finish())
    }
}
