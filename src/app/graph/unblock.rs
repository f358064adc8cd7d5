//! Lift a block.

use super::Graph;
use crate::{AppResult, accounts::UserKey, outdate::outdate_relations};
use tessera_domain::UserId;

impl Graph {
    /// Lifts the caller's block of an account. Follows do not come back. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unblock(&self, blocker: UserId, key: &UserKey) -> AppResult<()> {
        let blocked = self.accounts.account_id(key).await?;
        self.ledger.unblock(blocker, blocked).await?;
        outdate_relations(&self.invalidation, &[blocker, blocked]).await
    }
}
