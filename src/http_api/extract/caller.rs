//! The signed-in user.

use crate::{
    Problem,
    guard::{IdempotencyKey, Identity},
};
use axum::extract::FromRequestParts;
use http::request::Parts;
use tessera_app::{AppError, accounts::TokenHash};
use tessera_domain::UserId;

/// The signed-in user who sent the request. A handler that takes it refuses everybody else with
/// `unauthenticated`.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user_id: UserId,
    /// The hash of the token that proved it.
    pub token: TokenHash,
    /// The request's idempotency key, if it brought one.
    pub idempotency_key: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get() {
            Some(Identity::User(user_id, token)) => {
                let idempotency_key = parts.extensions.get::<IdempotencyKey>().map(|key| key.0.clone());
                Ok(Self { user_id: *user_id, token: *token, idempotency_key })
            }
            _ => Err(AppError::Unauthenticated.into()),
        }
    }
}
