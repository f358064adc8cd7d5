//! The feed.

mod get_feed;
mod list_recommendations;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The area's routes.
pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(get_feed::get_feed))
        .routes(routes!(list_recommendations::list_recommendations))
}
