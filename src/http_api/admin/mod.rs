//! The operators' listener: health, metrics and administration, with its own token.

mod ads;
mod backlog;
mod breakers;
mod chaos;
mod cluster;
mod events;
mod health;
mod hooks;
mod jobs;
mod visual;

pub use hooks::{
    ActorSabotageKind, ActorsView, AdminHooks, BreakerView, ClusterView, KillOutcome, NodeStatus, NodeView,
    RestartView, SabotageKind,
};

use crate::{
    Problem,
    extract::MAX_JSON_BYTES,
    guard::{bearer_token, catch_panics, in_context},
    openapi::{OperatorsHead, add_problems},
    router::{method_not_allowed, not_found},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
use tessera_app::{App, AppError};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Past it an operator's request is answered 503.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Paths under it need the operators' token; health and metrics do not.
const PROTECTED: &str = "/admin/";

/// What the operators' listener needs to know.
#[derive(Clone)]
pub struct AdminSettings {
    /// The operators' bearer token; an empty one refuses everybody.
    pub token: String,
    /// Whether `POST /admin/chaos` exists.
    pub chaos: bool,
}

#[derive(Clone)]
pub(crate) struct AdminState {
    app: Arc<App>,
    hooks: Arc<dyn AdminHooks>,
    token_hash: Option<[u8; 32]>,
}

impl FromRef<AdminState> for Arc<App> {
    fn from_ref(state: &AdminState) -> Self {
        state.app.clone()
    }
}

impl FromRef<AdminState> for Arc<dyn AdminHooks> {
    fn from_ref(state: &AdminState) -> Self {
        state.hooks.clone()
    }
}

fn routes(chaos: bool) -> OpenApiRouter<AdminState> {
    let router = OpenApiRouter::with_openapi(OperatorsHead::openapi())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(cluster::cluster))
        .routes(routes!(cluster::actors))
        .routes(routes!(cluster::drain))
        .routes(routes!(backlog::backlog))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::retry_job))
        .routes(routes!(events::list_events))
        .routes(routes!(events::retry_event))
        .routes(routes!(ads::list_ads, ads::create_ad))
        .routes(routes!(breakers::list_breakers))
        .routes(routes!(breakers::set_breaker))
        .routes(routes!(visual::visual_index))
        .routes(routes!(visual::rebuild_visual_index));
    if chaos { router.routes(routes!(chaos::kill)) } else { router }
}

/// The OpenAPI document of the operators' listener.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let mut document = routes(true).into_openapi();
    add_problems(&mut document);
    document
}

/// The router of the operators' listener.
pub fn admin_router(app: Arc<App>, hooks: Arc<dyn AdminHooks>, settings: AdminSettings) -> Router {
    let AdminSettings { token, chaos } = settings;
    let token_hash = (!token.is_empty()).then(|| Sha256::digest(token.as_bytes()).into());
    let state = AdminState { app, hooks, token_hash };
    let (router, _) = routes(chaos).split_for_parts();
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(from_fn_with_state(state.clone(), admit))
        .layer(catch_panics())
        .layer(from_fn(in_context))
        .with_state(state)
}

/// Asks for the operators' token where it is needed, and bounds the time.
async fn admit(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(PROTECTED) && !has_token(&state, &request) {
        return Problem::from(AppError::Unauthenticated).into_response();
    }
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable("the operators' time-out passed").into_response(),
    }
}

/// Hashes are compared and not tokens, so that the time taken tells nothing about the token.
fn has_token(state: &AdminState, request: &Request) -> bool {
    let Some(expected) = state.token_hash else { return false };
    bearer_token(request.headers()).is_some_and(|token| <[u8; 32]>::from(Sha256::digest(token.as_bytes())) == expected)
}
