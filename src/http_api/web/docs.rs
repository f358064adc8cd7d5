//! `GET /openapi.json` and `GET /docs`.

use super::assets;
use crate::{EdgeResult, EdgeSettings, router::openapi_document};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use std::sync::{Arc, LazyLock};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi_document().to_json().unwrap_or_default().into());

/// This description, OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "web", security(()),
    responses((status = 200, description = "The document", content_type = "application/json")))]
pub(super) async fn openapi_json() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}

/// This description as a page.
#[utoipa::path(get, path = "/docs", tag = "web", security(()),
    responses((status = 200, description = "The page"), (status = 304, description = "Unchanged")))]
pub(super) async fn docs(State(settings): State<Arc<EdgeSettings>>, headers: HeaderMap) -> EdgeResult<Response> {
    assets::serve("docs.html", &headers, &settings)
}
