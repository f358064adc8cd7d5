//! `DELETE /v1/posts/{id}/likes`

use super::LikeCountBody;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
};
use axum::extract::State;
use tessera_domain::PostId;

/// Takes the caller's like back. Where there is none, nothing changes.
#[utoipa::path(delete, path = "/v1/posts/{id}/likes", tag = "engagement",
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 200, description = "Not liked (any more)", body = LikeCountBody)))]
pub(super) async fn unlike_post(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
) -> EdgeResult<Json<LikeCountBody>> {
    let like_count = state.app.engagement.unlike_post(caller.user_id, id).await?;
    Ok(Json(LikeCountBody { like_count }))
}
