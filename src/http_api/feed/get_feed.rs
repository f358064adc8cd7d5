//! `GET /v1/feed`

use super::head_only;
use crate::{
    EdgeResult, EdgeState,
    extract::{Caller, Cursor, Json, Limit, Query},
    present::PostBody,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::Method;
use serde::{Deserialize, Serialize};
use tessera_app::feed::{Degraded, FeedRequest, FeedStart, SourceKind};
use utoipa::{IntoParams, ToSchema};

/// Which part of the feed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct FeedQuery {
    /// Posts on the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 50)]
    limit: Limit,
    /// The `next_cursor` of the page before. Without it a new feed is opened.
    #[param(value_type = Option<String>, max_length = 256)]
    cursor: Option<Cursor>,
    /// So many posts that the caller may see below the top of the feed that was opened last; not together with
    /// `cursor`.
    #[param(minimum = 0, maximum = 10_000)]
    offset: Option<u32>,
    /// Go on with posts that were seen before, once the unseen ones are through.
    #[param(default = false)]
    include_seen: bool,
}

/// A post of a feed and why it is there.
#[derive(Serialize, ToSchema)]
#[schema(as = FeedItem)]
pub(super) struct FeedItemBody {
    /// `following`, `celebrity`, `recommended` or `ad`.
    #[schema(value_type = String, example = "following")]
    source: SourceKind,
    /// Whether the caller had seen it before this feed was opened.
    seen: bool,
    /// Why it is there, in words; of recommended posts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "people who like what you like also liked this")]
    reason: Option<String>,
    /// The post.
    post: PostBody,
}

/// A page of the caller's feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Feed)]
pub(super) struct FeedBody {
    /// The posts, in order.
    items: Vec<FeedItemBody>,
    /// Send it as `cursor` to get the next page; null at the end.
    next_cursor: Option<String>,
    /// Nothing unseen is left behind this page.
    caught_up: bool,
    /// What the page was served without: `recommendations`, `ads`, `celebrities`, `timeline`; of recommended posts also
    /// single sources (`similar_users`, `popular`, `hashtags`, `visual_search`) and `ranking`.
    #[schema(value_type = Vec<String>)]
    degraded: Vec<&'static str>,
}

/// A page of the caller's feed.
///
/// Unseen posts come first; what a page shows counts as seen in feeds opened later. A page is full as long as
/// posts are left, and cursors walk the feed as it was when it was opened: new posts do not shift it. When
/// nothing unseen is left the feed says `caught_up` and goes on with seen posts if `include_seen` asks for it.
#[utoipa::path(get, path = "/v1/feed", tag = "feed", params(FeedQuery),
    responses((status = 200, description = "A page of the feed", body = FeedBody)))]
pub(super) async fn get_feed(
    State(state): State<EdgeState>,
    method: Method,
    caller: Caller,
    Query(query): Query<FeedQuery>,
) -> EdgeResult<Response> {
    if method == Method::HEAD {
        return Ok(head_only());
    }
    let FeedQuery { limit, cursor, offset, include_seen } = query;
    let start =
        FeedStart::new(cursor.as_ref().map(|cursor| cursor.0.as_str()), offset).map_err(tessera_app::AppError::from)?;
    let feed = state.app.feeds.get_feed(caller.user_id, FeedRequest { start, limit: limit.0, include_seen }).await?;
    let items = feed.items.iter().map(|item| FeedItemBody {
        source: item.source.kind(),
        seen: item.seen,
        reason: item.source.reason().map(ToString::to_string),
        post: PostBody::new(&state, &item.post),
    });
    Ok(Json(FeedBody {
        items: items.collect(),
        next_cursor: feed.next.map(|cursor| cursor.to_string()),
        caught_up: feed.caught_up,
        degraded: feed.degraded.into_iter().map(Degraded::as_str).collect(),
    })
    .into_response())
}
