//! `GET /media/{user_id}/{upload_id}/{file_name}`: a picture, a video or a playlist, straight from the object store.

use super::range::{Wanted, wanted};
use crate::{EdgeResult, EdgeState, Problem, conditional::none_match_names, extract::Path, problem::kinds};
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tessera_app::{AppError, media::ObjectInfo};
use tessera_domain::{UploadId, UserId, media::MediaFile};

/// Everything a file's address says.
type Address = (UserId, UploadId, MediaFile);

/// A file of a post: a size of its picture, its animation, an MP4, an HLS playlist or segments. No token is needed: the
/// address cannot be guessed. `HEAD`, entity tags and single ranges work.
#[utoipa::path(get, path = "/media/{user_id}/{upload_id}/{file_name}", tag = "media", security(()),
    params(
        ("user_id" = String, Path, description = "The author"),
        ("upload_id" = String, Path, description = "The upload"),
        ("file_name" = String, Path, description = "large.jpg, medium.jpg, thumbnail.jpg, medium.avif, medium.webp; animation.webp; hls.m3u8 and what it names, video_<height>.mp4"),
    ),
    responses(
        (status = 200, description = "The picture", content_type = "image/*"),
        (status = 206, description = "A range of it"),
        (status = 304, description = "Unchanged"),
    ))]
pub(super) async fn get_variant(
    State(state): State<EdgeState>,
    method: Method,
    Path((user_id, upload_id, file_name)): Path<(UserId, UploadId, String)>,
    headers: HeaderMap,
) -> EdgeResult<Response> {
    let file = MediaFile::from_file_name(&file_name).ok_or(AppError::NotFound("picture"))?;
    let address = (user_id, upload_id, file);
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let needs_info = method == Method::HEAD || range.is_some() || headers.contains_key(header::IF_NONE_MATCH);
    if !needs_info {
        return whole(&state, address).await;
    }
    let info = state.app.media.media_info(user_id, upload_id, file).await?;
    let etag = etag(&info, address);
    if none_match_names(&headers, &etag) {
        return Ok(described(StatusCode::NOT_MODIFIED.into_response(), &etag, None));
    }
    if method == Method::HEAD {
        return Ok(described(().into_response(), &etag, Some((file, info.size_bytes))));
    }
    let range = range.filter(|_| if_range_holds(&headers, &etag));
    match wanted(range, info.size_bytes) {
        Wanted::Whole => whole(&state, address).await,
        Wanted::Outside => Ok(outside(info.size_bytes)),
        Wanted::Part(range) => {
            let body = state.app.media.open_media(user_id, upload_id, file, Some(range.clone())).await?;
            let (first, last) = range.into_inner();
            let response = (StatusCode::PARTIAL_CONTENT, Body::from_stream(body.stream)).into_response();
            let mut response = described(response, &etag, Some((file, last - first + 1)));
            let value = format!("bytes {first}-{last}/{}", info.size_bytes);
            insert(&mut response, header::CONTENT_RANGE, &value);
            Ok(response)
        }
    }
}

async fn whole(state: &EdgeState, address: Address) -> EdgeResult<Response> {
    let (user_id, upload_id, file) = address;
    let body = state.app.media.open_media(user_id, upload_id, file, None).await?;
    let (etag, size) = (etag(&body.info, address), body.info.size_bytes);
    Ok(described(Body::from_stream(body.stream).into_response(), &etag, Some((file, size))))
}

/// The store's strong tag, or one from the address, whose bytes never change, and the size.
fn etag(info: &ObjectInfo, (_, upload_id, file): Address) -> String {
    match &info.etag {
        Some(etag) if etag.starts_with('"') => etag.clone(),
        _ => format!("\"{upload_id}-{}-{}\"", file.file_name(), info.size_bytes),
    }
}

/// Without `If-Range`, or with one that names this version, the range counts (RFC 9110, 13.1.5).
fn if_range_holds(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes())
}

fn outside(size_bytes: u64) -> Response {
    let detail = format!("the file has {size_bytes} bytes");
    let mut response = Problem::new(kinds::RANGE_NOT_SATISFIABLE, detail).into_response();
    insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{size_bytes}"));
    response
}

/// Adds what every reply about a picture says; with its type and length where it has a body.
fn described(mut response: Response, etag: &str, body: Option<(MediaFile, u64)>) -> Response {
    if let Some((file, length)) = body {
        insert(&mut response, header::CONTENT_TYPE, file.content_type());
        insert(&mut response, header::CONTENT_LENGTH, &length.to_string());
    }
    insert(&mut response, header::ETAG, etag);
    insert(&mut response, header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    insert(&mut response, header::CONTENT_DISPOSITION, "inline");
    // Opened by itself it is a document of its own: one that may do nothing.
    insert(
        &mut response,
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src 'self'; media-src 'self'; sandbox",
    );
    insert(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    insert(&mut response, header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    response
}

fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
