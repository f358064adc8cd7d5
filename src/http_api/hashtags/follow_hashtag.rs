//! `PUT /v1/hashtags/{tag}/follow`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Path},
};
use axum::extract::State;
use http::StatusCode;

/// Follows a hashtag: its posts are among what is recommended to the caller. Repeating it is harmless.
#[utoipa::path(put, path = "/v1/hashtags/{tag}/follow", tag = "discovery",
    params(("tag" = String, Path, description = "The hashtag, without `#`", min_length = 1, max_length = 100)),
    responses((status = 204, description = "Followed")))]
pub(super) async fn follow_hashtag(
    State(state): State<EdgeState>,
    caller: Caller,
    Path(tag): Path<String>,
) -> EdgeResult<StatusCode> {
    state.app.hashtags.follow_hashtag(caller.user_id, &tag).await?;
    Ok(StatusCode::NO_CONTENT)
}
