//! Public media.

mod get_variant;
mod range;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default().routes(routes!(get_variant::get_variant))
}
