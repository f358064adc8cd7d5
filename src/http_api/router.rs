//! The public router: every area's routes inside the guards.

use crate::{
    EdgeSettings, EdgeState, Problem, accounts, engagement,
    extract::MAX_JSON_BYTES,
    feed, graph,
    guard::{
        admit, catch_panics, compress_text, cors, identify, in_context, limit_rate, refuse_encodings, replay_or_run,
    },
    hashtags, media, notifications,
    openapi::{DocumentHead, add_idempotency_keys, add_problems},
    posts,
    problem::kinds,
    search, uploads, visual, web,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};
use http::{Method, Uri};
use std::sync::Arc;
use tessera_app::App;
use tower::util::option_layer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// All public routes and their description. A new area is one line here.
fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::with_openapi(DocumentHead::openapi())
        .merge(accounts::routes())
        .merge(graph::routes())
        .merge(uploads::routes())
        .merge(feed::routes())
        .merge(posts::routes())
        .merge(engagement::routes())
        .merge(notifications::routes())
        .merge(hashtags::routes())
        .merge(search::routes())
        .merge(visual::routes())
        .merge(media::routes())
        .merge(web::routes())
}

/// The OpenAPI document of the public listener, generated from its routes.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    add_problems(&mut document);
    add_idempotency_keys(&mut document);
    document
}

/// The router of the public listener.
pub fn router(app: Arc<App>, settings: EdgeSettings) -> Router {
    let state = EdgeState::new(app, settings);
    let (router, _) = routes().split_for_parts();
    guarded(router, &state).with_state(state)
}

/// Puts the guards around routes; the last one added is the outermost. What has no handler stays outside the keys of
/// idempotency: it is refused as what it is, whatever key it brings.
pub(crate) fn guarded(router: Router<EdgeState>, state: &EdgeState) -> Router<EdgeState> {
    router
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .layer(from_fn_with_state(state.clone(), replay_or_run))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(refuse_encodings))
        .layer(from_fn_with_state(state.clone(), limit_rate))
        .layer(from_fn_with_state(state.clone(), identify))
        .layer(from_fn_with_state(state.clone(), admit))
        .layer(catch_panics())
        .layer(option_layer(cors(&state.settings.cors_origins)))
        .layer(compress_text())
        .layer(from_fn(in_context))
}

/// No route has this path.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    Problem::new(kinds::NOT_FOUND, format!("nothing is served at {}", uri.path()))
}

/// The path's route does not take this method.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(kinds::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}
