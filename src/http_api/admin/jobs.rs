//! `GET /admin/jobs`, `POST /admin/jobs/{id}/retry`

use crate::{
    EdgeResult, Problem,
    extract::{Cursor, CursorKind, Json, Limit, Path, Query},
    present::{ListBody, Rfc3339},
};
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_app::{
    App,
    operators::{JobState, JobView},
};
use tessera_domain::{UploadId, UserId};
use utoipa::{IntoParams, ToSchema};

const CURSOR: CursorKind = CursorKind("jobs");
const STATES: [(&str, JobState); 3] =
    [("queued", JobState::Queued), ("leased", JobState::Leased), ("dead", JobState::Dead)];

/// Which jobs.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct JobsQuery {
    /// queued, leased or dead; all, where missing.
    state: Option<String>,
    /// At most so many.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>, max_length = 256)]
    cursor: Option<Cursor>,
}

/// A media job.
#[derive(Serialize, ToSchema)]
pub(super) struct Job {
    /// The job's id, which is its upload's.
    #[schema(value_type = String, example = "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8")]
    id: UploadId,
    /// Whose upload.
    #[schema(value_type = String)]
    user_id: UserId,
    /// queued, leased or dead.
    state: &'static str,
    /// Attempts spent.
    attempts: u32,
    /// The last failure.
    last_error: Option<String>,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
}

impl From<JobView> for Job {
    fn from(job: JobView) -> Self {
        Self {
            id: job.upload_id,
            user_id: job.user_id,
            state: STATES.iter().find(|(_, state)| *state == job.state).map_or("queued", |(word, _)| word),
            attempts: job.attempts,
            last_error: job.last_error,
            created_at: Rfc3339(job.created_at),
        }
    }
}

/// Media jobs, oldest first.
#[utoipa::path(get, path = "/admin/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, description = "A page of jobs", body = ListBody<Job>)))]
pub(super) async fn list_jobs(
    State(app): State<Arc<App>>,
    Query(query): Query<JobsQuery>,
) -> EdgeResult<Json<ListBody<Job>>> {
    let state = match query.state.as_deref() {
        None => None,
        Some(asked) => {
            let found = STATES.iter().find(|(word, _)| *word == asked).map(|(_, state)| *state);
            Some(found.ok_or_else(|| Problem::invalid("state", "must be queued, leased or dead"))?)
        }
    };
    let after = CURSOR.decode::<1>(query.cursor.as_ref())?.map(|[number]| number);
    let page = app.operators.list_jobs(state, after, query.limit.0).await?;
    Ok(Json(ListBody::from_page(page, CURSOR, Job::from)))
}

/// Queues a dead job anew with all its attempts.
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 202, description = "Queued")))]
pub(super) async fn retry_job(State(app): State<Arc<App>>, Path(id): Path<UploadId>) -> EdgeResult<StatusCode> {
    app.operators.retry_job(id).await?;
    Ok(StatusCode::ACCEPTED)
}
