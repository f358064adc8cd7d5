//! `GET /admin/backlog`

use crate::{EdgeResult, extract::Json};
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use tessera_app::{App, operators::MAX_COUNTED};
use utoipa::ToSchema;

/// Media jobs by where they stand.
#[derive(Serialize, ToSchema)]
struct JobBacklog {
    /// Waiting.
    queued: u64,
    /// Being worked on.
    leased: u64,
    /// Given up.
    dead: u64,
}

/// Events of the outbox by where they stand.
#[derive(Serialize, ToSchema)]
struct EventBacklog {
    /// Waiting, or being made to take effect.
    pending: u64,
    /// Given up.
    dead: u64,
}

/// Work that the ledger holds, for all nodes together.
#[derive(Serialize, ToSchema)]
pub(super) struct BacklogBody {
    jobs: JobBacklog,
    events: EventBacklog,
    /// No count goes further: one that has this value says "so many or more".
    counted_up_to: u64,
}

/// How many media jobs and events wait, are under way, and were given up.
#[utoipa::path(get, path = "/admin/backlog", tag = "jobs",
    responses((status = 200, description = "Counts", body = BacklogBody)))]
pub(super) async fn backlog(State(app): State<Arc<App>>) -> EdgeResult<Json<BacklogBody>> {
    let backlog = app.operators.backlog().await?;
    let (jobs, events) = (backlog.jobs, backlog.events);
    Ok(Json(BacklogBody {
        jobs: JobBacklog { queued: jobs.queued, leased: jobs.leased, dead: jobs.dead },
        events: EventBacklog { pending: events.pending, dead: events.dead },
        counted_up_to: MAX_COUNTED as u64,
    }))
}
