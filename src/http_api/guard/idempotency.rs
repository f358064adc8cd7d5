//! `Idempotency-Key`: the same request under the same key happens once and gets its first reply again.
//!
//! The reply is saved after the use case committed, so a crash in between runs the use case a second time;
//! those for which that would show pass the key on to the ledger, which decides (`UploadLedger::create_upload`).

use super::{ClientAddress, Identity};
use crate::{
    EdgeState, Problem,
    extract::MAX_JSON_BYTES,
    problem::{ProblemNote, kinds},
};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};
use tessera_app::replies::{ReplyScope, SavedReply};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const FIELD: &str = "idempotency_key";
const MAX_KEY_BYTES: usize = 255;
/// Largest reply that is kept.
const MAX_SAVED_BYTES: usize = 256 * 1024;

/// The request's checked key, for use cases that take it.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey(pub(crate) String);

/// Replays the first reply of a key, or runs the request and keeps its reply. `PUT` and `DELETE` are
/// idempotent by themselves; on them, and on reads, the header is ignored.
pub(crate) async fn replay_or_run(State(state): State<EdgeState>, request: Request, next: Next) -> Response {
    let takes_key = matches!(*request.method(), Method::POST | Method::PATCH);
    let identity = request.extensions().get().copied().unwrap_or(Identity::Anonymous);
    if !takes_key || !request.headers().contains_key(&HEADER) {
        return next.run(request).await;
    }
    run_with_key(&state, identity, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn run_with_key(
    state: &EdgeState,
    identity: Identity,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let key = key_of(request.headers())?;
    let scope = match identity {
        Identity::User(user_id, _) => ReplyScope::User(user_id),
        _ => ReplyScope::Address(ClientAddress::of(&request, &state.settings).0.to_string()),
    };
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_JSON_BYTES).await.map_err(|_| Problem::payload_too_large(MAX_JSON_BYTES as u64))?;
    let fingerprint = fingerprint(&parts.method, &parts.uri, &body);

    let place = (scope, key);
    let Some(_guard) = state.in_flight.enter(&place) else {
        return Err(Problem::new(kinds::CONFLICT, "a request with this Idempotency-Key is under way"));
    };
    let (scope, key) = &place;
    if let Some(saved) = state.app.replies.saved_reply(scope, key).await? {
        return replay(saved, fingerprint);
    }
    parts.extensions.insert(IdempotencyKey(key.clone()));
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    keep(state, scope, key, fingerprint, response).await
}

fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let refused = || Problem::invalid(FIELD, "must be one header of 1 to 255 visible ASCII characters");
    let mut values = headers.get_all(&HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refused()) };
    let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if visible && (1..=MAX_KEY_BYTES).contains(&key.len()) => Ok(key.to_owned()),
        _ => Err(refused()),
    }
}

fn fingerprint(method: &Method, uri: &http::Uri, body: &Bytes) -> [u8; 32] {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let head = format!("{method} {target}\n");
    Sha256::new().chain_update(head).chain_update(body).finalize().into()
}

fn replay(saved: SavedReply, fingerprint: [u8; 32]) -> Result<Response, Problem> {
    if saved.fingerprint != fingerprint {
        return Err(Problem::invalid(FIELD, "was used for another request"));
    }
    let status = StatusCode::from_u16(saved.label).map_err(|error| Problem::internal(error.to_string()))?;
    let content_type = if status.is_success() { "application/json" } else { "application/problem+json" };
    let has_body = !saved.body.is_empty();
    let mut response = (status, saved.body).into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    if has_body {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    } else {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    Ok(response)
}

/// Saves successes and refusals that would be the same again. A reply that cannot be saved is given all the
/// same: the work is done, and repeating it is what the ledger's own rules make harmless.
async fn keep(
    state: &EdgeState,
    scope: &ReplyScope,
    key: &str,
    fingerprint: [u8; 32],
    response: Response,
) -> Result<Response, Problem> {
    let lasting = response.extensions().get::<ProblemNote>().is_some_and(|note| note.lasting);
    if !response.status().is_success() && !lasting {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_SAVED_BYTES)
        .await
        .map_err(|error| Problem::internal(format!("reply too large to keep: {error}")))?;
    let reply = SavedReply { fingerprint, label: parts.status.as_u16(), body: body.to_vec() };
    if let Err(error) = state.app.replies.save_reply(scope, key, reply).await {
        tracing::warn!(%error, "a reply could not be kept for its idempotency key");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
