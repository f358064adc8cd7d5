//! `POST /v1/users`

use super::SignedInBody;
use crate::{EdgeResult, EdgeState, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// Who wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    /// 3 to 30 of a to z, 0 to 9, underscores and full stops; unique whatever its case.
    #[schema(example = "ada", min_length = 3, max_length = 30, pattern = "^[A-Za-z0-9_][A-Za-z0-9_.]*[A-Za-z0-9_]$")]
    username: String,
    /// 8 to 256 bytes.
    #[schema(format = Password, min_length = 8, max_length = 256)]
    password: String,
    /// Name to show, at most 60 characters, on one line, of which one can be seen; the user name, where missing.
    #[schema(min_length = 1, max_length = 60)]
    display_name: Option<String>,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/v1/users", tag = "accounts", security(()), request_body = SignUp,
    responses((status = 201, description = "The account and its first token", body = SignedInBody)))]
pub(super) async fn create_user(
    State(state): State<EdgeState>,
    Json(body): Json<SignUp>,
) -> EdgeResult<(StatusCode, Json<SignedInBody>)> {
    let signed_in = state.app.accounts.create_user(&body.username, body.password, body.display_name.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(signed_in.into())))
}
