//! Uploads.

mod cancel_upload;
mod complete_upload;
mod create_upload;
mod get_parts;
mod get_upload;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(create_upload::create_upload))
        .routes(routes!(complete_upload::complete_upload))
        .routes(routes!(get_parts::get_parts))
        .routes(routes!(get_upload::get_upload, cancel_upload::cancel_upload))
}
