//! Entity tags (RFC 9110, 8.8.3 and 13.1.2).

use http::{HeaderMap, header};

/// Whether `If-None-Match` names `etag` (a strong tag, quotes included) or is `*`. The comparison is weak,
/// as the RFC wants it for this header.
pub(crate) fn none_match_names(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_lists() {
        let names = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().expect("header"));
            none_match_names(&headers, "\"a\"")
        };
        assert!(names("\"a\"") && names("W/\"a\"") && names("\"b\", \"a\"") && names("*"));
        assert!(!names("\"b\"") && !names("a"));
    }
}
