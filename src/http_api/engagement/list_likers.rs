//! `GET /v1/posts/{id}/likes`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, Json, PageQuery, Path, Query},
    present::{AuthorBody, ListBody},
};
use axum::extract::State;
use tessera_domain::PostId;

const CURSOR: CursorKind = CursorKind("likers");

/// Who likes a post, newest first. Accounts that the caller may not see are left out.
#[utoipa::path(get, path = "/v1/posts/{id}/likes", tag = "engagement",
    params(("id" = String, Path, description = "The post's id"), PageQuery),
    responses((status = 200, description = "A page of accounts", body = ListBody<AuthorBody>)))]
pub(super) async fn list_likers(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<PostId>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Json<ListBody<AuthorBody>>> {
    let page = state.app.engagement.list_likers(caller.user_id, id, query.after(CURSOR)?, query.limit.0).await?;
    Ok(Json(ListBody::from_page(page, CURSOR, |user| AuthorBody::from(&**user))))
}
