//! `GET /v1/posts/{id}/comments`

use super::comment_body::CommentBody;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, Json, PageQuery, Path, Query},
    present::ListBody,
};
use axum::extract::State;
use tessera_domain::{CommentId, PostId};

const CURSOR: CursorKind = CursorKind("comments");

/// Comments of a post, oldest first. Those of accounts that are blocked either way are left out.
#[utoipa::path(get, path = "/v1/posts/{id}/comments", tag = "engagement",
    params(("id" = String, Path, description = "The post's id"), PageQuery),
    responses((status = 200, description = "A page of comments", body = ListBody<CommentBody>)))]
pub(super) async fn list_comments(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Json<ListBody<CommentBody>>> {
    let after = query.after(CURSOR)?.map(CommentId::from_i64);
    let page = state.app.engagement.list_comments(caller.user_id, id, after, query.limit.0).await?;
    Ok(Json(ListBody::from_page(page.map_position(CommentId::to_i64), CURSOR, CommentBody::from)))
}
