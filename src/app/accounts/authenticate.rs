//! From a bearer token to its user.

use super::{Accounts, TOKEN_PREFIX, TokenHash, tokens};
use crate::{AppError, AppResult, clock};
use tessera_domain::UserId;

/// No token of ours is longer.
const MAX_TOKEN_BYTES: usize = 64;

impl Accounts {
    /// Whose token it is, and its hash. Known tokens are answered from memory for a few seconds.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] for a token that is unknown, expired, revoked or malformed.
    pub async fn authenticate(&self, token: &str) -> AppResult<(UserId, TokenHash)> {
        if token.len() > MAX_TOKEN_BYTES || !token.starts_with(TOKEN_PREFIX) {
            return Err(AppError::Unauthenticated);
        }
        let hash = tokens::hash_token(token);
        let (ledger, now) = (self.ledger.clone(), clock::now());
        let load = move |_| async move {
            let user_id = ledger.session_user(hash, now).await?;
            Ok(user_id.map(|user_id| (hash, user_id)).into_iter().collect())
        };
        let known = self.caches.sessions.get_many(&[hash], load).await?;
        let user_id = known.get(&hash).copied().ok_or(AppError::Unauthenticated)?;
        Ok((user_id, hash))
    }
}
