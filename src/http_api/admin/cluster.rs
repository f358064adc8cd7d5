//! `GET /admin/cluster`, `GET /admin/actors`, `POST /admin/drain`

use super::{ActorsView, AdminHooks, ClusterView};
use crate::extract::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The cluster as this node sees it: nodes, shards, epoch.
#[utoipa::path(get, path = "/admin/cluster", tag = "cluster",
    responses((status = 200, description = "The cluster", body = ClusterView)))]
pub(super) async fn cluster(State(hooks): State<Arc<dyn AdminHooks>>) -> Json<ClusterView> {
    Json(hooks.cluster().await)
}

/// The actors of a node.
#[derive(Serialize, ToSchema)]
pub(super) struct Actors {
    /// By kind.
    items: Vec<ActorsView>,
}

/// The actors of this node by kind: counts, mailboxes, restarts.
#[utoipa::path(get, path = "/admin/actors", tag = "cluster",
    responses((status = 200, description = "By kind", body = Actors)))]
pub(super) async fn actors(State(hooks): State<Arc<dyn AdminHooks>>) -> Json<Actors> {
    Json(Actors { items: hooks.actors().await })
}

/// Begins to drain this node: it stops being ready, hands over what it owns, and exits.
#[utoipa::path(post, path = "/admin/drain", tag = "cluster",
    responses((status = 202, description = "Draining")))]
pub(super) async fn drain(State(hooks): State<Arc<dyn AdminHooks>>) -> StatusCode {
    hooks.drain().await;
    StatusCode::ACCEPTED
}
