//! `PUT /v1/users/{id}/block`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Blocks an account: follows end both ways, and neither sees the other. Repeating it is harmless.
#[utoipa::path(put, path = "/v1/users/{id}/block", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Blocked")))]
pub(super) async fn block(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.block(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
