//! Hashtags.

mod follow_hashtag;
mod list_followed_hashtags;
mod list_hashtag_posts;
mod list_trending_hashtags;
mod unfollow_hashtag;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(list_trending_hashtags::list_trending_hashtags))
        .routes(routes!(list_followed_hashtags::list_followed_hashtags))
        .routes(routes!(list_hashtag_posts::list_hashtag_posts))
        .routes(routes!(follow_hashtag::follow_hashtag, unfollow_hashtag::unfollow_hashtag))
}
