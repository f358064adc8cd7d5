//! Lift a block.

use crate::{App, AppResult, accounts::UserKey};
use tessera_domain::UserId;

impl App {
    /// Lifts the caller's block of an account. Follows do not come back. Idempotent.
    ///
    /// # Errors
    /// [`crate::AppError::NotFound`] where there is no such account.
    pub async fn unblock(&self, blocker: UserId, key: &UserKey) -> AppResult<()> {
        let blocked = self.account_id(key).await?;
        Ok(self.ledger.unblock(blocker, blocked).await?)
    }
}
