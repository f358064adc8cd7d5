//! `DELETE /v1/posts/{id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;
use tessera_domain::PostId;

/// Deletes the caller's own post with its likes and comments. A second deletion finds nothing.
#[utoipa::path(delete, path = "/v1/posts/{id}", tag = "posts",
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 204, description = "Deleted")))]
pub(super) async fn delete_post(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
) -> EdgeResult<StatusCode> {
    state.app.posts.delete_post(caller.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
