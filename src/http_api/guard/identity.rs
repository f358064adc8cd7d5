//! Who is asking, by bearer token.

use crate::{EdgeState, Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use tessera_app::{AppError, accounts::TokenHash};
use tessera_domain::UserId;

/// What the `Authorization` header proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Anonymous,
    /// There was one, and it proved nothing.
    Refused,
    User(UserId, TokenHash),
}

/// Looks the token up once and leaves an [`Identity`] for the guards and handlers further in.
pub(crate) async fn identify(State(state): State<EdgeState>, mut request: Request, next: Next) -> Response {
    let identity = match bearer_token(request.headers()) {
        None if request.headers().contains_key(header::AUTHORIZATION) => Identity::Refused,
        None => Identity::Anonymous,
        Some(token) => match state.app.authenticate(token).await {
            Ok((user_id, token)) => Identity::User(user_id, token),
            Err(AppError::Unauthenticated) => Identity::Refused,
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// The token of `Authorization: Bearer <token>`; the scheme's case does not matter (RFC 9110, 11.1).
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
