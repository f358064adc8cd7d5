//! `GET /v1/users/{id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
    present::ProfileBody,
};
use axum::extract::State;

/// An account as the caller sees it. It is not found where it blocks the caller.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "accounts",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name")),
    responses((status = 200, description = "The account", body = ProfileBody)))]
pub(super) async fn get_user(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
) -> EdgeResult<Json<ProfileBody>> {
    Ok(Json(state.app.accounts.get_user(caller.user_id, &id.parse()?).await?.into()))
}
