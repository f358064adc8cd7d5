//! `GET /assets/{file}`: the page's files, compiled in.

use crate::{EdgeResult, EdgeSettings, Problem, conditional::none_match_names, extract::Path, problem::kinds};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

macro_rules! embed {
    ($($name:literal),* $(,)?) => { &[$(($name, include_bytes!(concat!("../assets/", $name)))),*] };
}

/// Every file in `assets/` (a test compares).
#[rustfmt::skip]
pub(super) const FILES: &[(&str, &[u8])] = embed![
    "api.js", "app.js", "blurhash.js", "card.js", "docs.css", "docs.html", "docs.js", "dom.js", "favicon.svg",
    "feed.js", "index.html", "parts.js", "picture.js", "post.js", "search.js", "similar.js", "style.css", "upload.js",
];

/// A file, its type and its tag.
pub(super) struct Asset {
    bytes: &'static [u8],
    content_type: &'static str,
    etag: String,
}

static ASSETS: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let asset = |name: &str, bytes: &'static [u8]| Asset { bytes, content_type: content_type(name), etag: etag(bytes) };
    FILES.iter().map(|(name, bytes)| (*name, asset(name, bytes))).collect()
});

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn etag(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// A file of the web page.
#[utoipa::path(get, path = "/assets/{file}", tag = "web", security(()),
    params(("file" = String, Path, description = "The file's name")),
    responses((status = 200, description = "The file"), (status = 304, description = "Unchanged")))]
pub(super) async fn asset(
    State(settings): State<Arc<EdgeSettings>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> EdgeResult<Response> {
    serve(&file, &headers, &settings)
}

/// The file called `name`, or 304 where the client has it.
pub(super) fn serve(name: &str, headers: &HeaderMap, settings: &EdgeSettings) -> EdgeResult<Response> {
    let asset = ASSETS.get(name).ok_or_else(|| Problem::new(kinds::NOT_FOUND, "there is no such file"))?;
    let mut response = if none_match_names(headers, &asset.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = asset.bytes.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        response
    };
    let headers = response.headers_mut();
    // A new version of the program has new files under the same names, so the browser asks each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Weak, because the same tag stands for the file and for its compressed form.
    let etag = format!("W/{}", asset.etag);
    let dynamic = [(header::ETAG, etag), (header::CONTENT_SECURITY_POLICY, security_policy(settings))];
    for (name, value) in dynamic {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// Nothing but our own files runs; pictures and calls go to this edge, uploads also to the object store.
fn security_policy(settings: &EdgeSettings) -> String {
    let own = settings.public_url.trim_end_matches('/');
    let uploads = settings.upload_origin.as_deref().unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: {own}; \
         media-src 'self' {own}; connect-src 'self' {own} {uploads}; font-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let entries = std::fs::read_dir(folder).expect("assets");
        let mut there: Vec<String> =
            entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        there.sort();
        let compiled: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, compiled);
    }
}
