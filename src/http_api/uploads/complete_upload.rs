//! `POST /v1/uploads/{upload_id}/complete`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, OptionalJson, Path},
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tessera_domain::UploadId;
use utoipa::ToSchema;

/// What the post says.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Completion {
    /// At most 2,200 characters; hashtags are found in it.
    #[schema(max_length = 2_200)]
    caption: Option<String>,
    /// What a screen reader says of the picture, at most 1,500 characters.
    #[schema(max_length = 1_500)]
    alt_text: Option<String>,
}

/// How the upload stands after its completion.
#[derive(Serialize, ToSchema)]
pub(super) struct Completed {
    /// The upload's id.
    #[schema(value_type = String, example = "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8")]
    upload_id: UploadId,
    /// Where it stands: pending, processing, completed or failed.
    #[schema(example = "processing")]
    status: &'static str,
}

/// Says that the bytes are there, and starts their processing. Repeating it is harmless: the first caption stays.
#[utoipa::path(post, path = "/v1/uploads/{upload_id}/complete", tag = "uploads",
    params(("upload_id" = String, Path, description = "The upload's id")),
    request_body = Option<Completion>,
    responses((status = 202, description = "Being processed, or as it stands", body = Completed)))]
pub(super) async fn complete_upload(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(upload_id): Path<UploadId>,
    OptionalJson(body): OptionalJson<Completion>,
) -> EdgeResult<(StatusCode, Json<Completed>)> {
    let (caption, alt_text) = (body.caption.unwrap_or_default(), body.alt_text.unwrap_or_default());
    let status = state.app.uploads.complete_upload(caller.user_id, upload_id, &caption, &alt_text).await?;
    Ok((StatusCode::ACCEPTED, Json(Completed { upload_id, status: status.as_str() })))
}
