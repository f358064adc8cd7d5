//! `GET /`: the web page.

use super::assets;
use crate::{EdgeResult, EdgeSettings};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use std::sync::Arc;

/// The web page.
#[utoipa::path(get, path = "/", tag = "web", security(()),
    responses((status = 200, description = "The page"), (status = 304, description = "Unchanged")))]
pub(super) async fn page(State(settings): State<Arc<EdgeSettings>>, headers: HeaderMap) -> EdgeResult<Response> {
    assets::serve("index.html", &headers, &settings)
}
