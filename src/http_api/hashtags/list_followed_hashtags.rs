//! `GET /v1/hashtags/followed`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
    present::ListBody,
};
use axum::extract::State;

/// The hashtags that the caller follows, in alphabetical order, all of them.
#[utoipa::path(get, path = "/v1/hashtags/followed", tag = "discovery",
    responses((status = 200, description = "Hashtags without `#`", body = ListBody<String>)))]
pub(super) async fn list_followed_hashtags(
    State(state): State<EdgeState>,
    caller: Caller,
) -> EdgeResult<Json<ListBody<String>>> {
    let items = state.app.hashtags.list_followed_hashtags(caller.user_id).await?;
    Ok(Json(ListBody { items, next_cursor: None }))
}
