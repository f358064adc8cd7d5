//! `GET /v1/uploads/{upload_id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
};
use axum::extract::State;
use serde::Serialize;
use tessera_domain::{PostId, UploadId};
use utoipa::ToSchema;

/// How an upload stands.
#[derive(Serialize, ToSchema)]
pub(super) struct UploadState {
    /// The upload's id.
    #[schema(value_type = String, example = "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8")]
    upload_id: UploadId,
    /// pending, processing, completed or failed.
    #[schema(example = "completed")]
    status: &'static str,
    /// How far, in percent.
    #[schema(minimum = 0, maximum = 100)]
    progress: u8,
    /// The post, once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    post_id: Option<PostId>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How the caller's upload stands.
#[utoipa::path(get, path = "/v1/uploads/{upload_id}", tag = "uploads",
    params(("upload_id" = String, Path, description = "The upload's id")),
    responses((status = 200, description = "How it stands", body = UploadState)))]
pub(super) async fn get_upload(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(upload_id): Path<UploadId>,
) -> EdgeResult<Json<UploadState>> {
    let view = state.app.uploads.get_upload(caller.user_id, upload_id).await?;
    Ok(Json(UploadState {
        upload_id,
        status: view.status.as_str(),
        progress: view.progress_percent,
        post_id: view.post_id,
        error: view.error,
    }))
}
