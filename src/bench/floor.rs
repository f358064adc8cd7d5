//! The floors that are HTTP servers: the least that could be done, served by the same framework.

use crate::Failure;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use bytes::Bytes;
use std::{io::Write, net::Ipv4Addr, sync::Arc};
use tessera_app::clock;
use tessera_domain::{PostId, UserId, counters::CounterOperation};
use tessera_ports::Ledger;
use tokio::net::TcpListener;

/// One route that serves these bytes.
pub fn page(bytes: Bytes) -> Router {
    let reply = move || async move { ([(header::CONTENT_TYPE, "application/json")], bytes) };
    Router::new().route("/v1/feed", get(reply))
}

/// Likes and unlikes, each a commit of its own. The bearer token is the user's id: nothing is looked up.
pub fn likes(ledger: Arc<dyn Ledger>) -> Router {
    let like = |state, post, headers| one_commit(state, post, headers, true);
    let unlike = |state, post, headers| one_commit(state, post, headers, false);
    Router::new().route("/v1/posts/{id}/likes", post(like).delete(unlike)).with_state(ledger)
}

async fn one_commit(
    State(ledger): State<Arc<dyn Ledger>>,
    Path(post_id): Path<u64>,
    headers: HeaderMap,
    like: bool,
) -> axum::response::Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(user_id) = token.and_then(|token| token.parse().ok()).map(UserId) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let operation = if like { CounterOperation::Like { user_id } } else { CounterOperation::Unlike { user_id } };
    match ledger.apply_counter_batch(PostId(post_id), 0, &[operation], clock::now()).await {
        Ok(batch) => {
            let status = if like { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(serde_json::json!({ "like_count": batch.totals.likes }))).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// Serves on a free port of the loopback interface and says which.
pub async fn serve(router: Router) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::start_up(format!("the floor cannot listen: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    println!("ready http=http://{}", listener.local_addr().map_err(failed)?);
    std::io::stdout().flush().map_err(failed)?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.map_err(failed)
}
