//! `GET /admin/breakers`, `POST /admin/breakers/{name}`

use super::{AdminHooks, BreakerView};
use crate::{
    EdgeResult,
    extract::{Json, Path},
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_domain::breaker::BreakerState;
use utoipa::ToSchema;

/// The breakers of a node.
#[derive(Serialize, ToSchema)]
pub(super) struct Breakers {
    /// Each of them.
    items: Vec<BreakerView>,
}

/// What a breaker is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    /// closed, open, half_open, disabled or forced_open.
    #[schema(value_type = String, example = "forced_open")]
    state: BreakerState,
}

/// The circuit breakers of this node.
#[utoipa::path(get, path = "/admin/breakers", tag = "breakers",
    responses((status = 200, description = "All of them", body = Breakers)))]
pub(super) async fn list_breakers(State(hooks): State<Arc<dyn AdminHooks>>) -> Json<Breakers> {
    Json(Breakers { items: hooks.breakers().await })
}

/// Forces a circuit breaker into a state.
#[utoipa::path(post, path = "/admin/breakers/{name}", tag = "breakers", request_body = NewState,
    params(("name" = String, Path, description = "The breaker's name")),
    responses((status = 204, description = "Done")))]
pub(super) async fn set_breaker(
    State(hooks): State<Arc<dyn AdminHooks>>,
    Path(name): Path<String>,
    Json(body): Json<NewState>,
) -> EdgeResult<StatusCode> {
    hooks.set_breaker(&name, body.state).await?;
    Ok(StatusCode::NO_CONTENT)
}
