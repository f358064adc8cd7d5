//! One post.

use super::Posts;
use crate::{
    AppError, AppResult,
    hydrate::{Context, HydratedPost, Shown},
};
use std::sync::Arc;
use tessera_domain::{PostId, UserId, post::Post};

impl Posts {
    /// A post as `viewer` sees it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none, it was deleted, or its author hides it from the viewer: a
    /// block either way, or a private account that the viewer does not follow.
    pub async fn get_post(&self, viewer: UserId, id: PostId) -> AppResult<HydratedPost> {
        let posts = self.hydrator.hydrate(viewer, &[id], Context::Direct).await?;
        posts.into_iter().next().ok_or(AppError::NotFound("post"))
    }

    /// A post that `viewer` may see and hence like and comment on.
    ///
    /// # Errors
    /// As [`Posts::get_post`].
    pub(crate) async fn open_post(&self, viewer: UserId, id: PostId) -> AppResult<Arc<Shown<Post>>> {
        self.hydrator.visible_post(viewer, id).await?.ok_or(AppError::NotFound("post"))
    }

    /// Why somebody may not change a post that is not theirs: they may know that it exists, or they may not.
    pub(crate) async fn refuse_foreign_post(&self, viewer: UserId, id: PostId) -> AppError {
        match self.open_post(viewer, id).await {
            Ok(_) => AppError::Forbidden,
            Err(error) => error,
        }
    }
}
