//! Block an account.

use super::Graph;
use crate::{AppError, AppResult, accounts::UserKey, clock, outdate::outdate_relations};
use tessera_domain::{Invalid, UserId};

impl Graph {
    /// Blocks the account that `key` names and ends follows both ways. Neither sees anything of the other from
    /// then on. Idempotent.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such account; [`AppError::Invalid`] for oneself;
    /// [`AppError::Unavailable`] where it stands, and a node may not have heard of it.
    pub async fn block(&self, blocker: UserId, key: &UserKey) -> AppResult<()> {
        let blocked = self.accounts.account_id(key).await?;
        if blocked == blocker {
            return Err(Invalid::new("id", "nobody can block themselves").into());
        }
        if !self.ledger.block(blocker, blocked, clock::now(), self.celebrity_rule).await? {
            return Err(AppError::NotFound("user"));
        }
        outdate_relations(&self.invalidation, &[blocker, blocked]).await?;
        self.timeline_follow_changed(blocker, blocked, false).await;
        self.timeline_follow_changed(blocked, blocker, false).await;
        Ok(())
    }
}
