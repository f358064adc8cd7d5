//! `GET /v1/users/{id}/posts`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, PageQuery, Path, Query},
    present::{ListBody, PostBody, list_of_posts},
};
use axum::{extract::State, response::Response};
use tessera_domain::PostId;

const CURSOR: CursorKind = CursorKind("user_posts");

/// Somebody's posts, newest first. Those of a private account are shown to its followers.
#[utoipa::path(get, path = "/v1/users/{id}/posts", tag = "posts",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name"), PageQuery),
    responses((status = 200, description = "A page of posts", body = ListBody<PostBody>)))]
pub(super) async fn list_user_posts(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Response> {
    let before = query.after(CURSOR)?.map(PostId::from_i64);
    let page = state.app.posts.list_user_posts(caller.user_id, &id.parse()?, before, query.limit.0).await?;
    let page = page.map_position(PostId::to_i64);
    Ok(list_of_posts(&state.settings, page, CURSOR))
}
