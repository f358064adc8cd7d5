//! Finds out who is asking.

use super::{Identity, bearer_token};
use crate::{EdgeState, Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::header;
use tessera_app::AppError;

/// Looks the token up once and leaves an [`Identity`] for the guards and handlers further in.
pub(crate) async fn identify(State(state): State<EdgeState>, mut request: Request, next: Next) -> Response {
    let identity = match bearer_token(request.headers()) {
        None if request.headers().contains_key(header::AUTHORIZATION) => Identity::Refused,
        None => Identity::Anonymous,
        Some(token) => match state.app.accounts.authenticate(token).await {
            Ok((user_id, token)) => Identity::User(user_id, token),
            Err(AppError::Unauthenticated) => Identity::Refused,
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    request.extensions_mut().insert(identity);
    next.run(request).await
}
