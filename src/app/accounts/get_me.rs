//! The caller's own account.

use super::Accounts;
use crate::{AppError, AppResult};
use tessera_domain::{UserId, user::User};

impl Accounts {
    /// The caller's account.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`] where it was deleted meanwhile.
    pub async fn get_me(&self, user_id: UserId) -> AppResult<User> {
        let found = self.ledger.users(&[user_id]).await?.into_iter().next();
        found.filter(|user| user.deleted_at.is_none()).ok_or(AppError::Unauthenticated)
    }
}
