//! Whom an account follows.

use super::Graph;
use crate::{
    AppResult, Page,
    accounts::{Profile, UserKey},
};
use tessera_domain::UserId;

impl Graph {
    /// Whom the account that `key` names follows; otherwise as [`Graph::list_followers`].
    ///
    /// # Errors
    /// As [`Graph::list_followers`].
    pub async fn list_following(
        &self,
        viewer: UserId,
        key: &UserKey,
        after: Option<i64>,
        limit: usize,
    ) -> AppResult<Page<Profile, i64>> {
        let account = self.accounts.get_open_user(viewer, key).await?.user.id;
        let rows = self.ledger.following(account, after, limit + 1).await?;
        self.profiles_of_rows(viewer, Page::from_rows(rows, limit, |row| row.position)).await
    }
}
