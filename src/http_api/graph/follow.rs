//! `PUT /v1/users/{id}/follow`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Follows an account. Repeating it is harmless.
#[utoipa::path(put, path = "/v1/users/{id}/follow", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 204, description = "Followed")))]
pub(super) async fn follow(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.graph.follow(caller.user_id, &id.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
