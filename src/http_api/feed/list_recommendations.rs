//! `GET /v1/recommendations`

use super::head_only;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Limit, Query},
    present::PostBody,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::Method;
use serde::{Deserialize, Serialize};
use tessera_app::feed::Degraded;
use utoipa::{IntoParams, ToSchema};

/// How many.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct RecommendationsQuery {
    /// Posts in the answer.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
}

/// A recommended post.
#[derive(Serialize, ToSchema)]
#[schema(as = RecommendedPost)]
pub(super) struct RecommendedPostBody {
    #[serde(flatten)]
    post: PostBody,
    /// What the list is ordered by: how likely the caller engages with the post, 0 to 1, with what the rules add and
    /// take.
    #[schema(example = 0.17)]
    score: f64,
    /// Why it is there, in words.
    #[schema(example = "people who like what you like also liked this")]
    reason: String,
    /// Why, for programs: `similar_users`, `popular`, `trending`, `followed_hashtag`, `looks_like` or `new`.
    #[schema(value_type = String, example = "similar_users")]
    reason_kind: &'static str,
}

/// What is recommended to the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = Recommendations)]
pub(super) struct RecommendationsBody {
    /// The posts, best first.
    items: Vec<RecommendedPostBody>,
    /// What the list was made without: `recommendations` (it is an older list), single sources (`similar_users`,
    /// `popular`,
    /// `hashtags`, `visual_search`), `ranking` (it is ordered by popularity), `timeline` (posts may have been seen).
    #[schema(value_type = Vec<String>)]
    degraded: Vec<&'static str>,
}

/// What is recommended to the caller, best first.
///
/// Posts by public accounts that the caller does not follow and has not seen in a feed, by what people like who like
/// the same, what is popular, hashtags, and what looks like the caller's likes. Being listed here does not make a post
/// seen.
#[utoipa::path(get, path = "/v1/recommendations", tag = "discovery", params(RecommendationsQuery),
    responses((status = 200, description = "Recommended posts", body = RecommendationsBody)))]
pub(super) async fn list_recommendations(
    State(state): State<EdgeState>,
    method: Method,
    caller: Caller,
    Query(query): Query<RecommendationsQuery>,
) -> EdgeResult<Response> {
    if method == Method::HEAD {
        return Ok(head_only());
    }
    let found = state.app.recommendations.list_recommendations(caller.user_id, query.limit.0).await?;
    let items = found.items.iter().map(|item| RecommendedPostBody {
        post: PostBody::new(&state.settings, &item.post),
        score: item.score,
        reason: item.reason.to_string(),
        reason_kind: item.reason.kind(),
    });
    Ok(Json(RecommendationsBody {
        items: items.collect(),
        degraded: found.degraded.into_iter().map(Degraded::as_str).collect(),
    })
    .into_response())
}
