//! `GET /v1/hashtags/{tag}/posts`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, PageQuery, Path, Query},
    present::{ListBody, PostBody, list_of_posts},
};
use axum::{extract::State, response::Response};
use tessera_domain::PostId;

const CURSOR: CursorKind = CursorKind("hashtag_posts");

/// A hashtag's posts, newest first. A hashtag that nobody used has none.
#[utoipa::path(get, path = "/v1/hashtags/{tag}/posts", tag = "discovery",
    params(("tag" = String, Path, description = "The hashtag, without `#`", min_length = 1, max_length = 100), PageQuery),
    responses((status = 200, description = "A page of posts", body = ListBody<PostBody>)))]
pub(super) async fn list_hashtag_posts(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(tag): Path<String>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Response> {
    let before = query.after(CURSOR)?.map(PostId::from_i64);
    let page = state.app.hashtags.list_hashtag_posts(caller.user_id, &tag, before, query.limit.0).await?;
    let page = page.map_position(PostId::to_i64);
    Ok(list_of_posts(&state.settings, page, CURSOR))
}
