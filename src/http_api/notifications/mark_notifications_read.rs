//! `POST /v1/notifications/read`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json},
};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tessera_domain::NotificationId;
use utoipa::ToSchema;

/// How far the caller has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadMark {
    /// The newest notification that was read; it and all below it in the list count as read.
    #[schema(value_type = String, example = "175928847299117063")]
    up_to: NotificationId,
}

/// What is left.
#[derive(Serialize, ToSchema)]
#[schema(as = UnreadCount)]
pub(super) struct UnreadCountBody {
    /// How many notifications are unread now.
    unread_count: u64,
}

/// Marks notifications as read. Repeating it is harmless.
#[utoipa::path(post, path = "/v1/notifications/read", tag = "notifications", request_body = ReadMark,
    responses((status = 200, description = "Marked", body = UnreadCountBody)))]
pub(super) async fn mark_notifications_read(
    State(state): State<EdgeState>,
    caller: Caller,
    Json(mark): Json<ReadMark>,
) -> EdgeResult<Json<UnreadCountBody>> {
    let unread_count = state.app.notifications.mark_notifications_read(caller.user_id, mark.up_to).await?;
    Ok(Json(UnreadCountBody { unread_count }))
}
