//! `GET /v1/me`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
    present::UserBody,
};
use axum::extract::State;

/// The caller's own account.
#[utoipa::path(get, path = "/v1/me", tag = "accounts",
    responses((status = 200, description = "The caller", body = UserBody)))]
pub(super) async fn get_me(State(state): State<EdgeState>, caller: Caller) -> EdgeResult<Json<UserBody>> {
    Ok(Json(state.app.accounts.get_me(caller.user_id).await?.into()))
}
