//! `DELETE /v1/users/{id}/block`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Lifts a block. Follows do not come back. Repeating it is harmless.
#[utoipa::path(delete, path = "/v1/users/{id}/block", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Not blocked")))]
pub(super) async fn unblock(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.unblock(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
