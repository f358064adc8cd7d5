//! Refuses bodies in codings that nobody here undoes.

use crate::{Problem, problem::kinds};
use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

/// Refuses a body with a `Content-Encoding` with 415, and says which coding is taken (RFC 9110, 15.5.16). Undoing one
/// would let few bytes become many.
pub(crate) async fn refuse_encodings(request: Request, next: Next) -> Response {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let Some(encoding) = encodings.find(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) else {
        return next.run(request).await;
    };
    let found = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
    let words = format!("the body must be sent as it is, without Content-Encoding, found {found:?}");
    let mut response = Problem::new(kinds::UNSUPPORTED_MEDIA_TYPE, words).into_response();
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}
