//! `GET /v1/search`

use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Json, Limit, Query},
    present::ProfileBody,
};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// What was typed so far, at most 100 characters; `@…` finds accounts alone, `#…` hashtags alone.
    #[param(min_length = 1, max_length = 100)]
    q: String,
    /// Accounts, and hashtags, at most.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    #[serde(default)]
    limit: Limit,
}

/// A hashtag that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundHashtag)]
pub(super) struct FoundHashtagBody {
    /// The hashtag, lower case, without `#`.
    #[schema(example = "lake")]
    tag: String,
    /// Its posts, counted up to 1,000.
    post_count: usize,
}

/// What was found, best first.
#[derive(Serialize, ToSchema)]
#[schema(as = Found)]
pub(super) struct FoundBody {
    /// Accounts.
    users: Vec<ProfileBody>,
    /// Hashtags.
    hashtags: Vec<FoundHashtagBody>,
}

/// Accounts and hashtags whose names begin with what was typed.
#[utoipa::path(get, path = "/v1/search", tag = "discovery", params(SearchQuery),
    responses((status = 200, description = "What was found", body = FoundBody)))]
pub(super) async fn search(
    State(state): State<EdgeState>,
    caller: Caller,
    Query(query): Query<SearchQuery>,
) -> EdgeResult<Json<FoundBody>> {
    let found = state.app.search.search(caller.user_id, &query.q, query.limit.0).await?;
    let hashtags = found.hashtags.into_iter().map(|row| FoundHashtagBody { tag: row.tag, post_count: row.post_count });
    Ok(Json(FoundBody {
        users: found.users.into_iter().map(ProfileBody::from).collect(),
        hashtags: hashtags.collect(),
    }))
}
