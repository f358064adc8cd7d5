//! `DELETE /v1/uploads/{upload_id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;
use tessera_domain::UploadId;

/// Calls an upload off before it has become a post. Repeating it is harmless.
#[utoipa::path(delete, path = "/v1/uploads/{upload_id}", tag = "uploads",
    params(("upload_id" = String, Path, description = "The upload's id")),
    responses((status = 204, description = "Called off"), (status = 409, description = "It is a post already")))]
pub(super) async fn cancel_upload(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(upload_id): Path<UploadId>,
) -> EdgeResult<StatusCode> {
    state.app.uploads.cancel_upload(caller.user_id, upload_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
