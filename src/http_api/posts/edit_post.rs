//! `PATCH /v1/posts/{id}`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Path},
    present::PostBody,
};
use axum::extract::State;
use serde::Deserialize;
use tessera_app::posts::PostChange;
use tessera_domain::PostId;
use utoipa::ToSchema;

/// What to change; a field that is missing stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostPatch {
    /// New caption, at most 2,200 characters; its hashtags become the post's.
    #[schema(max_length = 2_200)]
    caption: Option<String>,
    /// New alternative text, at most 1,500 characters.
    #[schema(max_length = 1_500)]
    alt_text: Option<String>,
}

/// Changes what is written about the caller's own post.
#[utoipa::path(patch, path = "/v1/posts/{id}", tag = "posts", request_body = PostPatch,
    params(("id" = String, Path, description = "The post's id")),
    responses((status = 200, description = "The post, changed", body = PostBody)))]
pub(super) async fn edit_post(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
    Json(patch): Json<PostPatch>,
) -> EdgeResult<Json<PostBody>> {
    let change = PostChange { caption: patch.caption, alt_text: patch.alt_text };
    let post = state.app.posts.edit_post(caller.user_id, id, change).await?;
    Ok(Json(PostBody::new(&state.settings, &post)))
}
