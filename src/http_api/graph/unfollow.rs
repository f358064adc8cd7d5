//! `DELETE /v1/users/{id}/follow`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Stops following an account. Repeating it is harmless.
#[utoipa::path(delete, path = "/v1/users/{id}/follow", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Not followed")))]
pub(super) async fn unfollow(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.unfollow(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
