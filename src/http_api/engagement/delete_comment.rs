//! `DELETE /v1/comments/{id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;
use tessera_domain::CommentId;

/// Deletes a comment: the caller's own, or one on the caller's post.
#[utoipa::path(delete, path = "/v1/comments/{id}", tag = "engagement",
    params(("id" = String, Path, description = "The comment's id")),
    responses((status = 204, description = "Deleted")))]
pub(super) async fn delete_comment(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<CommentId>,
) -> EdgeResult<StatusCode> {
    state.app.engagement.delete_comment(caller.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
