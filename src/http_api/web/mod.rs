//! The web page, its assets, and the API's own documentation.

mod assets;
mod docs;
mod page;
mod people;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(page::page))
        .routes(routes!(assets::asset))
        .routes(routes!(docs::openapi_json))
        .routes(routes!(docs::docs))
        .routes(routes!(people::demo_people))
}
