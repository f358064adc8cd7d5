//! `GET /v1/users/{id}/following`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, Json, PageQuery, Path, Query},
    present::{ListBody, ProfileBody},
};
use axum::extract::State;

const CURSOR: CursorKind = CursorKind("following");

/// Whom an account follows, newest first. The list of a private account is shown to its followers.
#[utoipa::path(get, path = "/v1/users/{id}/following", tag = "graph",
    params(("id" = String, Path, description = "The account's id, or `@` and its user name"), PageQuery),
    responses((status = 200, description = "A page of accounts", body = ListBody<ProfileBody>)))]
pub(super) async fn list_following(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Json<ListBody<ProfileBody>>> {
    let after = query.after(CURSOR)?;
    let page = state.app.graph.list_following(caller.user_id, &id.parse()?, after, query.limit.0).await?;
    Ok(Json(ListBody::from_page(page, CURSOR, ProfileBody::from)))
}
