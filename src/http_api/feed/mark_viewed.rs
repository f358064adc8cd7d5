//! `POST /v1/feed/views`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use tessera_domain::PostId;
use utoipa::ToSchema;

/// What the caller had on screen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Viewed {
    /// The posts.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 100, example = json!(["175928847299117063"]))]
    post_ids: Vec<PostId>,
}

/// Marks posts that were on screen as seen: feeds opened from then on leave them out. Repeating it is harmless.
///
/// For clients that ask for feeds with `views=client`; for the others what is served counts as seen.
#[utoipa::path(post, path = "/v1/feed/views", tag = "feed", request_body = Viewed,
    responses((status = 204, description = "Marked")))]
pub(super) async fn mark_viewed(
    State(state): State<EdgeState>,
    caller: Caller,
    Json(viewed): Json<Viewed>,
) -> EdgeResult<StatusCode> {
    state.app.feeds.mark_viewed(caller.user_id, viewed.post_ids).await?;
    Ok(StatusCode::NO_CONTENT)
}
