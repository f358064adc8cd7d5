//! `POST /admin/chaos`, only where the configuration allows it

use super::{AdminHooks, KillOutcome};
use crate::{EdgeResult, Problem, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use tessera_app::AppError;
use utoipa::ToSchema;

/// What to break.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chaos {
    /// An actor: its kind, a colon and its key.
    #[schema(example = "timeline:42")]
    kill: String,
}

/// Kills an actor, to see that nobody notices.
#[utoipa::path(post, path = "/admin/chaos", tag = "cluster", request_body = Chaos,
    responses((status = 204, description = "Killed")))]
pub(super) async fn kill(State(hooks): State<Arc<dyn AdminHooks>>, Json(body): Json<Chaos>) -> EdgeResult<StatusCode> {
    match hooks.kill(&body.kill).await {
        KillOutcome::Killed => Ok(StatusCode::NO_CONTENT),
        KillOutcome::NotActive => Err(AppError::NotFound("active actor").into()),
        KillOutcome::Invalid(reason) => Err(Problem::invalid("kill", reason)),
    }
}
