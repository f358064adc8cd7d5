//! Comments as somebody sees them.

use super::Engagement;
use crate::{AppResult, hydrate::Shown};
use std::sync::Arc;
use tessera_domain::{CommentId, UserId, post::Comment, user::User};

/// A comment and who wrote it.
#[derive(Debug, Clone)]
pub struct CommentView {
    pub comment: Comment,
    pub author: Arc<Shown<User>>,
}

impl Engagement {
    /// Comments in the order given, each with its id; without a view where the author is blocked either way
    /// or deleted. Who comments on a post speaks to its readers, so a private account's comments are shown.
    pub(super) async fn comment_views(
        &self,
        viewer: UserId,
        comments: Vec<Comment>,
    ) -> AppResult<Vec<(CommentId, Option<CommentView>)>> {
        let authors = comments.iter().map(|comment| comment.author_id).collect();
        let authors = self.hydrator.users_for(viewer, authors).await?;
        let view = |comment: Comment| {
            let author = authors.get(&comment.author_id);
            let author = author.filter(|(user, stands)| user.deleted_at.is_none() && !stands.blocked);
            let author = author.map(|(user, _)| user.clone());
            (comment.id, author.map(|author| CommentView { comment, author }))
        };
        Ok(comments.into_iter().map(view).collect())
    }
}
