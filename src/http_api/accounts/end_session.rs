//! `DELETE /v1/sessions/current`

use crate::{EdgeResult, EdgeState, extract::Caller};
use axum::extract::State;
use http::StatusCode;

/// Signs out: the token that sent this is refused from now on.
#[utoipa::path(delete, path = "/v1/sessions/current", tag = "accounts",
    responses((status = 204, description = "Signed out")))]
pub(super) async fn end_session(State(state): State<EdgeState>, caller: Caller) -> EdgeResult<StatusCode> {
    state.app.accounts.end_session(caller.token).await?;
    Ok(StatusCode::NO_CONTENT)
}
