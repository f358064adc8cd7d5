//! Which pages of other origins may use the API (the Fetch standard's CORS protocol).

use http::{HeaderName, HeaderValue, Method, header, request};
use std::{collections::HashSet, time::Duration};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The origin that stands for all.
const ANY: &str = "*";
/// How long a browser may remember the answer to its question.
const MAX_AGE: Duration = Duration::from_secs(3_600);

/// Lets pages of `origins` call the API; `None` where there are none. Calls bring their token in a header that a page
/// must set itself, so a page gains nothing that its own server could not have. Media and the page's files stay as they
/// are: media allow everybody, and caches keep one copy for all.
pub(crate) fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let any = origins.iter().any(|origin| origin == ANY);
    let allowed: HashSet<Vec<u8>> = origins.iter().map(|origin| origin.clone().into_bytes()).collect();
    let may_call = move |origin: &HeaderValue, request: &request::Parts| {
        let path = request.uri.path();
        (path.starts_with("/v1/") || path == "/openapi.json") && (any || allowed.contains(origin.as_bytes()))
    };
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(may_call))
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                HeaderName::from_static("idempotency-key"),
                HeaderName::from_static("x-request-id"),
            ])
            .expose_headers([
                header::RETRY_AFTER,
                HeaderName::from_static("idempotent-replayed"),
                HeaderName::from_static("x-request-id"),
            ])
            .max_age(MAX_AGE),
    )
}
