//! `GET /v1/posts/{id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
    present::PostBody,
};
use axum::extract::State;
use tessera_domain::PostId;

/// A post. One that the caller may not see is not found.
#[utoipa::path(get, path = "/v1/posts/{id}", tag = "posts",
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 200, description = "The post", body = PostBody)))]
pub(super) async fn get_post(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
) -> EdgeResult<Json<PostBody>> {
    let post = state.app.posts.get_post(caller.user_id, id).await?;
    Ok(Json(PostBody::new(&state.settings, &post)))
}
