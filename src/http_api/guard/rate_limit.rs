//! Refuses what is over its rate limit.

use super::{ClientAddress, Identity};
use crate::{EdgeState, Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Refuses what is over its limit with 429 and `Retry-After`.
pub(crate) async fn limit_rate(State(state): State<EdgeState>, request: Request, next: Next) -> Response {
    if state.rates.enabled {
        let identity = request.extensions().get().copied().unwrap_or(Identity::Anonymous);
        let address = ClientAddress::of(&request, &state.settings);
        if let Err(retry_after) = state.rates.check(request.method(), request.uri().path(), identity, address) {
            return Problem::rate_limited(retry_after).into_response();
        }
    }
    next.run(request).await
}
