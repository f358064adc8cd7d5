//! `POST /v1/sessions`

use super::SignedInBody;
use crate::{EdgeResult, EdgeState, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogIn {
    /// The user name, in any case.
    #[schema(example = "ada")]
    username: String,
    /// The password.
    #[schema(format = Password, max_length = 256)]
    password: String,
}

/// Signs in.
#[utoipa::path(post, path = "/v1/sessions", tag = "accounts", security(()), request_body = LogIn,
    responses((status = 201, description = "The account and a fresh token", body = SignedInBody)))]
pub(super) async fn create_session(
    State(state): State<EdgeState>,
    Json(body): Json<LogIn>,
) -> EdgeResult<(StatusCode, Json<SignedInBody>)> {
    let signed_in = state.app.accounts.create_session(&body.username, body.password).await?;
    Ok((StatusCode::CREATED, Json(signed_in.into())))
}
