//! `GET /healthz`, `GET /readyz`, `GET /metrics`

use super::AdminHooks;
use crate::extract::Json;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use tessera_app::App;
use utoipa::ToSchema;

/// That the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "Alive", body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the node serves, and if not, why.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Whether it serves.
    ready: bool,
    /// What is missing before it can.
    missing: Vec<String>,
    /// What does not answer or is not there although the node serves without it: more slowly, or but for uploads, or
    /// but for videos.
    degraded: Vec<String>,
}

/// Whether the node is ready to serve; says what is missing.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Ready", body = Readiness),
    (status = 503, description = "Not ready", body = Readiness)))]
pub(super) async fn ready(State(app): State<Arc<App>>, State(hooks): State<Arc<dyn AdminHooks>>) -> Response {
    let (mut missing, stores) = tokio::join!(hooks.missing(), app.operators.check_stores());
    let mut degraded = Vec::new();
    for check in stores {
        let list = if check.needed { &mut missing } else { &mut degraded };
        list.extend(check.failure);
    }
    if !app.uploads.takes_videos() {
        degraded.push("videos: they are refused, since this node cannot run ffmpeg; its log says why".to_owned());
    }
    degraded.extend(hooks.cut_off());
    let ready = missing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, missing, degraded })).into_response()
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Metrics", body = String)))]
pub(super) async fn metrics(State(hooks): State<Arc<dyn AdminHooks>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], hooks.metrics()).into_response()
}
