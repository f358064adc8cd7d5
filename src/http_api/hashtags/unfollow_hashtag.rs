//! `DELETE /v1/hashtags/{tag}/follow`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Stops following a hashtag. Repeating it is harmless.
#[utoipa::path(delete, path = "/v1/hashtags/{tag}/follow", tag = "discovery",
    params(("tag" = String, Path, description = "The hashtag, without `#`", min_length = 1, max_length = 100)),
    responses((status = 204, description = "Not followed any more")))]
pub(super) async fn unfollow_hashtag(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(tag): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.hashtags.unfollow_hashtag(caller.user_id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
