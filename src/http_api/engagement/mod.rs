//! Likes and comments.

mod add_comment;
mod comment_body;
mod delete_comment;
mod like_post;
mod list_comments;
mod list_likers;
mod unlike_post;

use crate::EdgeState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// A post's likes after a change.
#[derive(Serialize, ToSchema)]
#[schema(as = LikeCount)]
struct LikeCountBody {
    /// All likes of the post.
    like_count: u64,
}

/// The area's routes.
pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(like_post::like_post, unlike_post::unlike_post, list_likers::list_likers))
        .routes(routes!(add_comment::add_comment, list_comments::list_comments))
        .routes(routes!(delete_comment::delete_comment))
}
