//! `PUT /v1/users/{id}/mute`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Keeps an account's posts out of the caller's feed. Repeating it is harmless.
#[utoipa::path(put, path = "/v1/users/{id}/mute", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Muted")))]
pub(super) async fn mute(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.mute(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
