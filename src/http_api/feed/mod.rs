//! The feed.

mod get_feed;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The area's routes.
pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default().routes(routes!(get_feed::get_feed))
}
