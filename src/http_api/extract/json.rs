//! JSON bodies, in and out.

use crate::Problem;
use axum::{
    extract::{FromRequest, Request, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

/// Largest JSON body, in bytes.
pub const MAX_JSON_BYTES: usize = 64 * 1024;

/// A JSON body. As an argument it refuses other content types (415), bodies past [`MAX_JSON_BYTES`] (413), and
/// bad syntax, wrong types and unknown fields (400, naming the field).
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A JSON body that may be missing altogether, or null; then every field has its default.
#[derive(Debug, Clone, Copy)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = has_json_type(request.headers());
        let bytes = read(request, state).await?;
        if !is_json {
            let words = "the body must be sent as application/json";
            return Err(Problem::unsupported_media_type(words));
        }
        parse(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = has_json_type(request.headers());
        let bytes = read(request, state).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) if bytes.trim_ascii() == b"null" => Ok(Self(T::default())),
            (false, true) => parse(&bytes).map(Self),
            (false, false) => {
                let words = "the body must be sent as application/json";
                Err(Problem::unsupported_media_type(words))
            }
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => {
                let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
                (StatusCode::OK, content_type, json).into_response()
            }
            Err(error) => Problem::internal(format!("reply as JSON: {error}")).into_response(),
        }
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::payload_too_large(MAX_JSON_BYTES as u64)
        } else {
            Problem::malformed("the body ended early")
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Or an array would do, whose elements stand for the fields by their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::malformed("the body must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let at = error.path().to_string();
        let words = error.into_inner();
        if at == "." { Problem::malformed(words.to_string()) } else { Problem::malformed(format!("{at}: {words}")) }
    })?;
    deserializer.end().map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(value)
}

/// `application/json` and `application/…+json`, with any parameters.
fn has_json_type(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
