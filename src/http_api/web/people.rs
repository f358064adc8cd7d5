//! `GET /demo/people.json`: whom a visitor of a demo may sign in as.

use crate::{EdgeResult, EdgeSettings, Problem, problem::kinds};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use std::sync::Arc;

/// The people of a demo. Outside demos there is nothing here.
#[utoipa::path(get, path = "/demo/people.json", tag = "web", security(()),
    responses((status = 200, description = "The people")))]
pub(super) async fn demo_people(State(settings): State<Arc<EdgeSettings>>) -> EdgeResult<Response> {
    let people = settings.demo_people.clone();
    let people = people.ok_or_else(|| Problem::new(kinds::NOT_FOUND, "this is not a demo"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], people).into_response())
}
