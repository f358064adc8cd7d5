//! The feed.

mod get_feed;
mod list_recommendations;
mod mark_viewed;

use crate::EdgeState;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use http::header;
use std::convert::Infallible;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The answer to HEAD: nobody is shown anything, so nothing may count as shown; and without a page its length is not
/// known.
fn head_only() -> Response {
    let body = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(get_feed::get_feed))
        .routes(routes!(list_recommendations::list_recommendations))
        .routes(routes!(mark_viewed::mark_viewed))
}
