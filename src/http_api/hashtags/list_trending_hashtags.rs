//! `GET /v1/hashtags/trending`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Limit, Query},
    present::ListBody,
};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct TrendingQuery {
    /// Hashtags in the list.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// A hashtag that trends.
#[derive(Serialize, ToSchema)]
#[schema(as = TrendingHashtag)]
pub(super) struct TrendingHashtagBody {
    /// The hashtag, lower case, without `#`.
    #[schema(example = "lake")]
    tag: String,
    /// How strongly: people who use it now, weighed by how much more than usual that is.
    score: f64,
    /// Whether the caller follows it.
    following: bool,
}

/// The hashtags that trend: used by more people than usual in the last hours, strongest first.
#[utoipa::path(get, path = "/v1/hashtags/trending", tag = "discovery", params(TrendingQuery),
    responses((status = 200, description = "The list, without further pages", body = ListBody<TrendingHashtagBody>)))]
pub(super) async fn list_trending_hashtags(
    State(state): State<EdgeState>,
    caller: Caller,
    Query(query): Query<TrendingQuery>,
) -> EdgeResult<Json<ListBody<TrendingHashtagBody>>> {
    let trending = state.app.hashtags.list_trending_hashtags(caller.user_id, query.limit.0).await?;
    let body = |entry: tessera_app::hashtags::TrendingHashtag| TrendingHashtagBody {
        tag: entry.tag.to_string(),
        score: entry.score,
        following: entry.following,
    };
    Ok(Json(ListBody { items: trending.into_iter().map(body).collect(), next_cursor: None }))
}
