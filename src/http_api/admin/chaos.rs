//! `POST /admin/chaos`, only where the configuration allows it

use super::{AdminHooks, KillOutcome};
use crate::{EdgeResult, Problem, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tessera_app::AppError;
use utoipa::ToSchema;

/// The longest that a sabotage lasts.
const MAX_SABOTAGE: Duration = Duration::from_secs(600);

/// What to break: an actor, or what stands behind a breaker. One of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chaos {
    /// An actor: its kind, a colon and its key.
    #[schema(example = "timeline:42")]
    kill: Option<String>,
    /// Calls that are to go wrong.
    sabotage: Option<SabotageOrder>,
}

/// Calls that are to go wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SabotageOrder {
    /// The breaker that they go through.
    #[schema(example = "recommendations")]
    breaker: String,
    /// hang, panic or slow.
    how: String,
    /// For how many milliseconds, at most ten minutes.
    lasting_ms: u64,
}

/// Kills an actor, or makes what stands behind a breaker go wrong, to see that nobody notices.
#[utoipa::path(post, path = "/admin/chaos", tag = "cluster", request_body = Chaos,
    responses((status = 204, description = "Done")))]
pub(super) async fn kill(State(hooks): State<Arc<dyn AdminHooks>>, Json(body): Json<Chaos>) -> EdgeResult<StatusCode> {
    match body {
        Chaos { kill: Some(target), sabotage: None } => match hooks.kill(&target).await {
            KillOutcome::Killed => Ok(StatusCode::NO_CONTENT),
            KillOutcome::NotActive => Err(AppError::NotFound("active actor").into()),
            KillOutcome::Invalid(reason) => Err(Problem::invalid("kill", reason)),
        },
        Chaos { kill: None, sabotage: Some(order) } => {
            if !["hang", "panic", "slow"].contains(&order.how.as_str()) {
                return Err(Problem::invalid("sabotage.how", "must be hang, panic or slow"));
            }
            let lasting = Duration::from_millis(order.lasting_ms).min(MAX_SABOTAGE);
            match hooks.sabotage(&order.breaker, &order.how, lasting).await {
                true => Ok(StatusCode::NO_CONTENT),
                false => Err(AppError::NotFound("breaker").into()),
            }
        }
        _ => Err(Problem::invalid("kill", "must be given, or sabotage, and not both")),
    }
}
