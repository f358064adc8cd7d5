//! Mute an account.

use super::Graph;
use crate::{AppError, AppResult, accounts::UserKey, clock, outdate::outdate_relations};
use tessera_domain::{Invalid, UserId};

impl Graph {
    /// Keeps an account's posts out of the caller's feed without ending the follow; the other does not learn
    /// of it. Idempotent.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such account; [`AppError::Invalid`] for oneself.
    pub async fn mute(&self, muter: UserId, key: &UserKey) -> AppResult<()> {
        let muted = self.accounts.get_user(muter, key).await?.user.id;
        if muted == muter {
            return Err(Invalid::new("id", "nobody can mute themselves").into());
        }
        if !self.ledger.mute(muter, muted, clock::now()).await? {
            return Err(AppError::NotFound("user"));
        }
        outdate_relations(&self.invalidation, &[muter]).await
    }
}
