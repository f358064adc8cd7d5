//! Lift a mute.

use super::Graph;
use crate::{AppResult, accounts::UserKey, outdate::outdate_relations};
use tessera_domain::UserId;

impl Graph {
    /// Lifts the caller's mute of an account. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unmute(&self, muter: UserId, key: &UserKey) -> AppResult<()> {
        let muted = self.accounts.get_user(muter, key).await?.user.id;
        self.ledger.unmute(muter, muted).await?;
        outdate_relations(&self.invalidation, &[muter]).await
    }
}
