//! `POST /v1/posts/{id}/likes`

use super::LikeCountBody;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
};
use axum::extract::State;
use http::StatusCode;
use tessera_domain::PostId;

/// Likes a post. The answer comes once the like is durable.
///
/// A like that is there already is `duplicate_like`. That is also the answer to a repeated request whose first
/// attempt was answered `unavailable` and had happened after all.
#[utoipa::path(post, path = "/v1/posts/{id}/likes", tag = "engagement",
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 201, description = "Liked", body = LikeCountBody)))]
pub(super) async fn like_post(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
) -> EdgeResult<(StatusCode, Json<LikeCountBody>)> {
    let like_count = state.app.engagement.like_post(caller.user_id, id).await?;
    Ok((StatusCode::CREATED, Json(LikeCountBody { like_count })))
}
