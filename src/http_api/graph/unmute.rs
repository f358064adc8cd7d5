//! `DELETE /v1/users/{id}/mute`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Lifts a mute. Repeating it is harmless.
#[utoipa::path(delete, path = "/v1/users/{id}/mute", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Not muted")))]
pub(super) async fn unmute(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.unmute(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
