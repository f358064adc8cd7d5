//! `POST /admin/chaos`, only where the configuration allows it

use super::{ActorSabotageKind, AdminHooks, KillOutcome, SabotageKind};
use crate::{EdgeResult, Problem, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tessera_app::AppError;
use utoipa::ToSchema;

/// The longest that a sabotage lasts.
const MAX_SABOTAGE: Duration = Duration::from_secs(600);

/// What to break: an actor at once or for a while, or what stands behind a breaker. One of the three.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Chaos {
    /// An actor: its kind, a colon and its key.
    #[schema(example = "timeline:42")]
    kill: Option<String>,
    /// Calls that are to go wrong.
    sabotage: Option<SabotageOrder>,
    /// An actor that is to go wrong.
    sabotage_actor: Option<ActorSabotageOrder>,
}

/// Calls that are to go wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SabotageOrder {
    /// The breaker that they go through.
    #[schema(example = "recommendations")]
    breaker: String,
    /// In which way.
    how: SabotageKind,
    /// For how many milliseconds, at most ten minutes.
    lasting_ms: u64,
}

/// An actor that is to go wrong, until it is restarted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActorSabotageOrder {
    /// Its kind, a colon and its key.
    #[schema(example = "recommender:42")]
    actor: String,
    /// In which way.
    how: ActorSabotageKind,
    /// For how many milliseconds, at most ten minutes.
    lasting_ms: u64,
}

/// Kills an actor, or makes it or what stands behind a breaker go wrong, to see that nobody notices.
#[utoipa::path(post, path = "/admin/chaos", tag = "cluster", request_body = Chaos,
    responses((status = 204, description = "Done")))]
pub(super) async fn kill(State(hooks): State<Arc<dyn AdminHooks>>, Json(body): Json<Chaos>) -> EdgeResult<StatusCode> {
    let bounded = |lasting_ms| Duration::from_millis(lasting_ms).min(MAX_SABOTAGE);
    let (outcome, field) = match body {
        Chaos { kill: Some(target), sabotage: None, sabotage_actor: None } => (hooks.kill(&target).await, "kill"),
        Chaos { kill: None, sabotage: None, sabotage_actor: Some(order) } => {
            let sabotaged = hooks.sabotage_actor(&order.actor, order.how, bounded(order.lasting_ms));
            (sabotaged.await, "sabotage_actor.actor")
        }
        Chaos { kill: None, sabotage: Some(order), sabotage_actor: None } => {
            return match hooks.sabotage(&order.breaker, order.how, bounded(order.lasting_ms)).await {
                true => Ok(StatusCode::NO_CONTENT),
                false => Err(AppError::NotFound("breaker").into()),
            };
        }
        _ => return Err(Problem::invalid("kill", "must be given, or sabotage, or sabotage_actor, and no two of them")),
    };
    match outcome {
        KillOutcome::Killed => Ok(StatusCode::NO_CONTENT),
        KillOutcome::NotActive => Err(AppError::NotFound("active actor").into()),
        KillOutcome::Invalid(reason) => Err(Problem::invalid(field, reason)),
    }
}
