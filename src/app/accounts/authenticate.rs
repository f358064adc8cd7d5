//! From a bearer token to its user.

use super::{TOKEN_PREFIX, TokenHash, tokens};
use crate::{App, AppError, AppResult};
use tessera_domain::UserId;

/// No token of ours is longer.
const MAX_TOKEN_BYTES: usize = 64;

impl App {
    /// Whose token it is, and its hash. Known tokens are answered from memory for a few seconds.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] for a token that is unknown, expired, revoked or malformed.
    pub async fn authenticate(&self, token: &str) -> AppResult<(UserId, TokenHash)> {
        if token.len() > MAX_TOKEN_BYTES || !token.starts_with(TOKEN_PREFIX) {
            return Err(AppError::Unauthenticated);
        }
        let hash = tokens::hash_token(token);
        if let Some(user_id) = self.sessions.get(&hash).await {
            return Ok((user_id, hash));
        }
        let user_id = self.ledger.session_user(hash, self.now()).await?.ok_or(AppError::Unauthenticated)?;
        self.sessions.insert(hash, user_id).await;
        Ok((user_id, hash))
    }
}
