//! The outermost guard: a request's id, its log line, its metrics, and headers that every reply carries.

use crate::problem::ProblemNote;
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, header};
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_BYTES: usize = 64;

tokio::task_local! {
    static CURRENT: HeaderValue;
}

/// The id of the request that this task serves; empty outside of one.
pub(crate) fn current_request_id() -> String {
    CURRENT.try_with(|id| id.to_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// Runs the request in its context. The client's own request id is kept where it is short and plain.
pub(crate) async fn in_context(request: Request, next: Next) -> Response {
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_sane(id)).cloned().unwrap_or_else(new_id);
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = method_label(request.method());
    let started = Instant::now();

    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;

    let note = response.extensions_mut().remove::<ProblemNote>();
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    log(&id, method, &route, status.as_u16(), seconds, note.as_ref());
    metrics::counter!("tessera_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!("tessera_http_request_duration_seconds", "method" => method, "route" => route).record(seconds);

    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// The one place where a request's failure is logged.
fn log(id: &HeaderValue, method: &str, route: &str, status: u16, seconds: f64, note: Option<&ProblemNote>) {
    let request_id = id.to_str().unwrap_or_default();
    let millis = (seconds * 1e3).round() as u64;
    match note {
        Some(ProblemNote { code: code @ "internal", log, .. }) => {
            let cause = log.as_deref().unwrap_or_default();
            tracing::error!(request_id, method, route, status, millis, code, cause, "request failed");
        }
        Some(ProblemNote { code, log: Some(cause), .. }) => {
            tracing::warn!(request_id, method, route, status, millis, code, cause, "request not served");
        }
        Some(ProblemNote { code, .. }) => {
            tracing::debug!(request_id, method, route, status, millis, code, "request refused");
        }
        None => tracing::debug!(request_id, method, route, status, millis, "request served"),
    }
}

fn is_sane(id: &HeaderValue) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
    !id.is_empty() && id.len() <= MAX_REQUEST_ID_BYTES && id.as_bytes().iter().all(plain)
}

fn new_id() -> HeaderValue {
    let id = uuid::Uuid::now_v7().simple().to_string();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"))
}

/// A label from a closed set, because clients may send any word as a method.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
