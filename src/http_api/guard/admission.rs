//! Admission: so many requests at once, and none for longer than the time-out.

use super::watched_body::Awaited;
use crate::{EdgeState, Problem, problem::kinds};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Serves the request if the node may serve and there is room, and answers when it takes too long: 503, or 408 where it
/// was the client that was waited for. A body that
/// streams on after the handler returned is bounded by its connection, not by this.
pub(crate) async fn admit(State(state): State<EdgeState>, request: Request, next: Next) -> Response {
    if !state.settings.gate.is_open() {
        return Problem::unavailable("this node is not sure to be a member of its cluster").into_response();
    }
    let Ok(_permit) = state.permits.try_acquire() else {
        return Problem::overloaded("overloaded: requests at the edge").into_response();
    };
    let limit = state.settings.request_timeout;
    let body = Awaited::default();
    let running = next.run(request.map(|unread| body.watch(unread)));
    tokio::pin!(running);
    match tokio::time::timeout(limit, &mut running).await {
        Ok(response) => response,
        Err(_) if body.is_awaited() => {
            let words = format!("the body did not arrive within {} ms", limit.as_millis());
            Problem::new(kinds::REQUEST_TIMEOUT, words).into_response()
        }
        Err(_) => Problem::unavailable(format!("no answer within {} ms", limit.as_millis())).into_response(),
    }
}
