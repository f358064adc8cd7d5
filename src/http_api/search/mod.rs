//! Finding accounts and hashtags.

#[expect(clippy::module_inception, reason = "one file per endpoint")]
mod search;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default().routes(routes!(search::search))
}
