//! `PATCH /v1/me`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
    present::UserBody,
};
use axum::extract::State;
use serde::Deserialize;
use tessera_app::accounts::ProfileChange;
use utoipa::ToSchema;

/// What to change; a field that is missing stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfilePatch {
    /// New name to show, at most 60 characters, on one line, of which one can be seen.
    #[schema(min_length = 1, max_length = 60)]
    display_name: Option<String>,
    /// New biography, at most 300 characters.
    #[schema(max_length = 300)]
    bio: Option<String>,
    /// Whether only followers see the posts.
    private: Option<bool>,
}

/// Changes the caller's profile.
#[utoipa::path(patch, path = "/v1/me", tag = "accounts", request_body = ProfilePatch,
    responses((status = 200, description = "The caller, changed", body = UserBody)))]
pub(super) async fn update_me(
    State(state): State<EdgeState>,
    caller: Caller,
    Json(patch): Json<ProfilePatch>,
) -> EdgeResult<Json<UserBody>> {
    let change = ProfileChange { display_name: patch.display_name, bio: patch.bio, private: patch.private };
    Ok(Json(state.app.accounts.update_me(caller.user_id, change).await?.into()))
}
