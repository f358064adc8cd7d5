//! `GET /v1/feed`

use super::head_only;
use crate::{
    EdgeResult, EdgeSettings, EdgeState,
    extract::{Caller, Cursor, Limit, Query},
    present::{ObjectBytes, PostBody, no_json, room_for, write_post},
};
use axum::{extract::State, response::Response};
use http::Method;
use serde::{Deserialize, Serialize};
use tessera_app::feed::{Feed, FeedRequest, FeedStart, SourceKind};
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
    /// `client`: serving marks nothing as seen; the client says what was on screen (`POST /v1/feed/views`).
    #[param(inline)]
    views: Option<Views>,
}

/// Who says what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Views {
    Client,
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

/// The fields of a [`FeedItemBody`] before its post.
#[derive(Serialize)]
struct ItemHead {
    source: SourceKind,
    seen: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The fields of a [`FeedBody`] behind its items.
#[derive(Serialize)]
struct FeedEnd {
    next_cursor: Option<String>,
    caught_up: bool,
    degraded: Vec<&'static str>,
}

/// A page of the caller's feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Feed)]
pub(super) struct FeedBody {
    /// The posts, in order.
    items: Vec<FeedItemBody>,
    /// Send it as `cursor` to get the next page; null at the end.
    next_cursor: Option<String>,
    /// Nothing unseen is left: neither behind this page nor for a feed opened after it.
    caught_up: bool,
    /// What the page was served without: `recommendations`, `ads`, `celebrities`, `timeline`; of recommended posts also
    /// single sources (`similar_users`, `popular`, `hashtags`, `visual_search`) and `ranking`.
    #[schema(value_type = Vec<String>)]
    degraded: Vec<&'static str>,
}

/// A page of the caller's feed.
///
/// Unseen posts come first; what a page shows counts as seen in feeds opened later, unless `views` says that the client
/// marks it. A page is full as long as
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
    let FeedQuery { limit, cursor, offset, include_seen, views } = query;
    let start =
        FeedStart::new(cursor.as_ref().map(|cursor| cursor.0.as_str()), offset).map_err(tessera_app::AppError::from)?;
    let marks_seen = views != Some(Views::Client);
    let request = FeedRequest { start, limit: limit.0, include_seen, marks_seen };
    let feed = state.app.feeds.get_feed(caller.user_id, request).await?;
    Ok(page(&state.settings, &feed).unwrap_or_else(no_json))
}

/// What serde makes of a [`FeedBody`], out of the bytes of its posts that are ready.
fn page(settings: &EdgeSettings, feed: &Feed) -> serde_json::Result<Response> {
    let room = room_for(feed.items.iter().map(|item| &item.post));
    ObjectBytes::with_items(&feed.items, room, |out, item| {
        let reason = item.source.reason().map(ToString::to_string);
        serde_json::to_writer(&mut *out, &ItemHead { source: item.source.kind(), seen: item.seen, reason })?;
        // The post stands behind the last field, inside the braces.
        out.pop();
        out.extend_from_slice(br#","post":"#);
        write_post(out, settings, &item.post)?;
        out.push(b'}');
        Ok(())
    })?
    .finish(&FeedEnd {
        next_cursor: feed.next.map(|cursor| cursor.to_string()),
        caught_up: feed.caught_up,
        degraded: feed.degraded.iter().map(|part| part.as_str()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::present::post_bytes_tests::{any_post, bytes_of};
    use rand::{Rng, SeedableRng, rngs::StdRng};
    use tessera_app::feed::{Degraded, FeedItem, Source};
    use tessera_domain::{AdId, PostId, feed::FeedCursor, recommendation::Reason};

    fn any_source(random: &mut StdRng) -> Source {
        match random.random_range(0..4) {
            0 => Source::Following,
            1 => Source::Celebrity,
            2 => Source::Ad(AdId(random.random())),
            _ => Source::Recommended(Reason::Trending { hashtag: "say \"hi\"".into() }),
        }
    }

    #[tokio::test]
    async fn pages_are_to_the_byte_what_serde_makes_of_them() {
        let settings = EdgeSettings::default();
        let mut random = StdRng::seed_from_u64(11);
        for length in (0..6).cycle().take(200) {
            let items = (0..length).map(|_| FeedItem {
                source: any_source(&mut random),
                seen: random.random(),
                post: any_post(&mut random),
            });
            let items: Vec<FeedItem> = items.collect();
            let next = FeedCursor { snapshot_id: random.random(), position: 7, oldest_social: PostId(9) };
            let degraded = [Degraded::Ads, Degraded::Timeline][..length % 3].to_vec();
            let feed =
                Feed { items, next: random.random_bool(0.5).then_some(next), caught_up: random.random(), degraded };
            let body = FeedBody {
                items: feed
                    .items
                    .iter()
                    .map(|item| FeedItemBody {
                        source: item.source.kind(),
                        seen: item.seen,
                        reason: item.source.reason().map(ToString::to_string),
                        post: PostBody::new(&settings, &item.post),
                    })
                    .collect(),
                next_cursor: feed.next.map(|cursor| cursor.to_string()),
                caught_up: feed.caught_up,
                degraded: feed.degraded.iter().map(|part| part.as_str()).collect(),
            };
            let expected = serde_json::to_string(&body).expect("json");
            assert_eq!(bytes_of(page(&settings, &feed).expect("a page")).await, expected);
        }
    }
}
