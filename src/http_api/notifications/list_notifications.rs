//! `GET /v1/notifications`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, CursorKind, Json, PageQuery, Query},
    present::{AuthorBody, Rfc3339},
};
use axum::extract::State;
use serde::Serialize;
use tessera_app::notifications::NotificationView;
use tessera_domain::{NotificationId, PostId, Timestamp, notification::NotificationKind};
use utoipa::ToSchema;

const CURSOR: CursorKind = CursorKind("notifications");

/// A notification. While it is unread it goes on collecting: its actors, its text and `updated_at` change.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
pub(super) struct NotificationBody {
    /// The notification's id.
    #[schema(value_type = String, example = "175928847299117063")]
    id: NotificationId,
    /// `like`, `comment` or `follow`; also a `comment` of an author on their post, where the caller has commented
    /// before.
    #[schema(value_type = String, example = "like")]
    kind: NotificationKind,
    /// On which post; missing for a follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    post_id: Option<PostId>,
    /// Who did it, the latest first, at most three.
    actors: Vec<AuthorBody>,
    /// How many did it in all.
    actor_count: u64,
    /// The sentence to show.
    #[schema(example = "ada and 41 others liked your post")]
    text: String,
    /// Whether the caller has read it.
    read: bool,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Rfc3339,
}

impl From<NotificationView> for NotificationBody {
    fn from(view: NotificationView) -> Self {
        let NotificationView { notification, actors, text } = view;
        Self {
            id: notification.id,
            kind: notification.kind,
            post_id: notification.post_id,
            actors: actors.iter().map(|actor| AuthorBody::from(&***actor)).collect(),
            actor_count: notification.actor_count,
            text,
            read: notification.read,
            updated_at: Rfc3339(notification.updated_at),
        }
    }
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
#[schema(as = Notifications)]
pub(super) struct NotificationsBody {
    /// The notifications, newest first.
    items: Vec<NotificationBody>,
    /// Send it as `cursor` to get the next page; null at the end of the list.
    next_cursor: Option<String>,
    /// How many of the list are unread, of the newest thousand.
    unread_count: u64,
}

/// What others did that concerns the caller and stands, newest first.
#[utoipa::path(get, path = "/v1/notifications", tag = "notifications", params(PageQuery),
    responses((status = 200, description = "A page of notifications", body = NotificationsBody)))]
pub(super) async fn list_notifications(
    State(state): State<EdgeState>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> EdgeResult<Json<NotificationsBody>> {
    let after = CURSOR.decode::<2>(query.cursor.as_ref())?;
    let after = after.map(|[updated_at, id]| (Timestamp(updated_at), NotificationId::from_i64(id)));
    let found = state.app.notifications.list_notifications(caller.user_id, after, query.limit.0).await?;
    Ok(Json(NotificationsBody {
        items: found.page.items.into_iter().map(NotificationBody::from).collect(),
        next_cursor: found.page.next.map(|(updated_at, id)| CURSOR.encode(&[updated_at.0, id.to_i64()])),
        unread_count: found.unread_count,
    }))
}
