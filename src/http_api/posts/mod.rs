//! Posts.

mod delete_post;
mod edit_post;
mod get_post;
mod list_user_posts;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(get_post::get_post, edit_post::edit_post, delete_post::delete_post))
        .routes(routes!(list_user_posts::list_user_posts))
}
