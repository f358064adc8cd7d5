//! Notifications.

mod list_notifications;
mod mark_notifications_read;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(list_notifications::list_notifications))
        .routes(routes!(mark_notifications_read::mark_notifications_read))
}
