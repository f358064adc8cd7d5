//! A comment's JSON.

use crate::present::{AuthorBody, Rfc3339};
use serde::Serialize;
use tessera_app::engagement::CommentView;
use tessera_domain::{CommentId, PostId};
use utoipa::ToSchema;

/// A comment.
#[derive(Serialize, ToSchema)]
#[schema(as = Comment)]
pub(super) struct CommentBody {
    /// The comment's id.
    #[schema(value_type = String, example = "175928847299117063")]
    id: CommentId,
    /// The post that it is on.
    #[schema(value_type = String)]
    post_id: PostId,
    /// Who wrote it.
    author: AuthorBody,
    /// What.
    text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
}

impl From<CommentView> for CommentBody {
    fn from(view: CommentView) -> Self {
        let CommentView { comment, author } = view;
        Self {
            id: comment.id,
            post_id: comment.post_id,
            author: AuthorBody::from(&**author),
            text: comment.text,
            created_at: Rfc3339(comment.id.created_at()),
        }
    }
}
