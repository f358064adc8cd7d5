//! `GET /admin/visual`, `POST /admin/visual/rebuild`

use crate::{EdgeResult, extract::Json};
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use tessera_app::{App, operators::VisualShardStats};
use utoipa::ToSchema;

/// A shard's index by one model.
#[derive(Serialize, ToSchema)]
pub(super) struct VisualShard {
    /// Which shard.
    shard: u16,
    /// Of how many.
    of: u16,
    /// Whether it holds all of its posts; one that is loading does not yet.
    complete: bool,
    /// The model's version.
    model: String,
    /// Posts that can be found.
    posts: u64,
    /// Deleted vectors that are not yet cleared away.
    dead: u64,
    /// Vectors that are scanned one by one.
    buffered: u64,
    /// Graphs.
    segments: u64,
    /// The share of the exact ten nearest that a sampled search found; null before there was one.
    recall: Option<f32>,
    /// Searches since the shard was activated.
    searches: u64,
}

/// The visual index.
#[derive(Serialize, ToSchema)]
pub(super) struct VisualIndex {
    /// A line for each shard that answers and each model.
    items: Vec<VisualShard>,
}

fn lines(stats: VisualShardStats) -> Vec<VisualShard> {
    let VisualShardStats { shard, of, complete, models, searches } = stats;
    let line = |model: tessera_app::operators::VisualModelStats| VisualShard {
        shard,
        of,
        complete,
        model: model.model,
        posts: model.live,
        dead: model.dead,
        buffered: model.buffered,
        segments: model.segments,
        recall: model.recall,
        searches,
    };
    models.into_iter().map(line).collect()
}

/// The shards of the visual index, wherever they live.
#[utoipa::path(get, path = "/admin/visual", tag = "visual index",
    responses((status = 200, description = "A line for each shard and model", body = VisualIndex)))]
pub(super) async fn visual_index(State(app): State<Arc<App>>) -> Json<VisualIndex> {
    Json(VisualIndex { items: app.operators.visual_index().await.into_iter().flat_map(lines).collect() })
}

/// Makes the visual index anew from the ledger. Searches say `degraded` until that is done.
#[utoipa::path(post, path = "/admin/visual/rebuild", tag = "visual index",
    responses((status = 202, description = "Begun")))]
pub(super) async fn rebuild_visual_index(State(app): State<Arc<App>>) -> EdgeResult<StatusCode> {
    app.operators.rebuild_visual_index().await?;
    Ok(StatusCode::ACCEPTED)
}
