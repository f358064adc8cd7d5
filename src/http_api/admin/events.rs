//! `GET /admin/events`, `POST /admin/events/{id}/retry`

use crate::{
    EdgeResult, Problem,
    extract::{Cursor, CursorKind, Json, Limit, Path, Query},
    present::ListBody,
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_app::{App, operators::DeadEvent};
use utoipa::{IntoParams, ToSchema};

const CURSOR: CursorKind = CursorKind("events");

/// Which events.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct EventsQuery {
    /// dead, which is also what a missing one means: the others pass by too fast to be looked at.
    state: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 256)]
    cursor: Option<Cursor>,
}

/// An event of the outbox whose effects could not be made to take place.
#[derive(Serialize, ToSchema)]
pub(super) struct OutboxEvent {
    /// Its id.
    #[schema(value_type = String)]
    id: String,
    /// Attempts spent.
    attempts: u32,
    /// The last failure.
    last_error: Option<String>,
    /// What happened, as the outbox keeps it; its text, where that is no JSON.
    #[schema(value_type = Object)]
    event: serde_json::Value,
}

impl From<DeadEvent> for OutboxEvent {
    fn from(dead: DeadEvent) -> Self {
        let DeadEvent { id, event, attempts, last_error } = dead;
        let event = serde_json::from_str(&event).unwrap_or(serde_json::Value::String(event));
        Self { id: id.to_string(), attempts, last_error, event }
    }
}

/// Events of the outbox that were given up, oldest first.
#[utoipa::path(get, path = "/admin/events", tag = "jobs", params(EventsQuery),
    responses((status = 200, description = "A page of events", body = ListBody<OutboxEvent>)))]
pub(super) async fn list_events(
    State(app): State<Arc<App>>,
    Query(query): Query<EventsQuery>,
) -> EdgeResult<Json<ListBody<OutboxEvent>>> {
    if query.state.is_some_and(|state| state != "dead") {
        return Err(Problem::invalid("state", "must be dead"));
    }
    let after = CURSOR.decode::<1>(query.cursor.as_ref())?.map(|[position]| position);
    let page = app.operators.list_dead_events(after, query.limit.0).await?;
    Ok(Json(ListBody::from_page(page, CURSOR, OutboxEvent::from)))
}

/// Makes a dead event due anew with all its attempts.
#[utoipa::path(post, path = "/admin/events/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "The event's id")),
    responses((status = 202, description = "Due anew")))]
pub(super) async fn retry_event(State(app): State<Arc<App>>, Path(id): Path<i64>) -> EdgeResult<StatusCode> {
    app.operators.retry_event(id).await?;
    Ok(StatusCode::ACCEPTED)
}
