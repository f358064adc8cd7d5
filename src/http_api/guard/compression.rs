//! Compresses replies that are text.

use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{And, SizeAbove},
    },
};

/// Shorter replies fit a packet as they are.
const MIN_BYTES: u64 = 1_024;

type IsText = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Compresses text by gzip for clients that take it. Pictures and videos are compressed in themselves.
///
/// No reply holds both a lasting secret and what a third party chose: no cookie lets others ask in a caller's name, so
/// lengths tell nobody anything (BREACH).
pub(crate) fn compress_text() -> CompressionLayer<And<SizeAbove, IsText>> {
    // The fast level: what the others gain is a tenth of the bytes, for several times the computing.
    CompressionLayer::new()
        .gzip(true)
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(MIN_BYTES).and(is_text as IsText))
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/") || essence.ends_with("json") || essence == "image/svg+xml"
}
