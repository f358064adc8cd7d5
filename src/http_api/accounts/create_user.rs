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
    #[schema(example = "ada")]
    username: String,
    /// 8 to 256 bytes.
    #[schema(format = Password)]
    password: String,
    /// Name to show; the user name, where missing.
    display_name: Option<String>,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/v1/users", tag = "accounts", security(()), request_body = SignUp,
    responses((status = 201, description = "The account and its first token", body = SignedInBody)))]
pub(super) async fn create_user(
    State(state): State<EdgeState>,
    Json(body): Json<SignUp>,
) -> EdgeResult<(StatusCode, Json<SignedInBody>)> {
    let signed_in = state.app.create_user(&body.username, body.password, body.display_name.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(signed_in.into())))
}
