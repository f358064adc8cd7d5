//! Admission: so many requests at once, and none for longer than the time-out.

use crate::{EdgeState, Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Serves the request if the node may serve and there is room, and answers 503 when it takes too long. A body that
/// streams on after the handler returned is bounded by its connection, not by this.
pub(crate) async fn admit(State(state): State<EdgeState>, request: Request, next: Next) -> Response {
    if !state.settings.gate.is_open() {
        return Problem::unavailable("this node is not sure to be a member of its cluster").into_response();
    }
    let Ok(_permit) = state.permits.try_acquire() else {
        return Problem::overloaded("overloaded: requests at the edge").into_response();
    };
    let limit = state.settings.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(format!("no answer within {} ms", limit.as_millis())).into_response(),
    }
}
