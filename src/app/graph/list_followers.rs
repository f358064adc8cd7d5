//! Who follows an account.

use super::Graph;
use crate::{
    AppResult, Page,
    accounts::{Profile, UserKey},
};
use tessera_domain::UserId;
use tessera_ports::ledger::FollowRow;

impl Graph {
    /// Followers of the account that `key` names, newest first, after the position `after`. Accounts that
    /// were deleted or are blocked either way are left out, so that a page may be shorter than `limit`.
    ///
    /// # Errors
    /// [`crate::AppError::Forbidden`] for a private account that the viewer does not follow,
    /// [`crate::AppError::NotFound`].
    pub async fn list_followers(
        &self,
        viewer: UserId,
        key: &UserKey,
        after: Option<i64>,
        limit: usize,
    ) -> AppResult<Page<Profile, i64>> {
        let account = self.accounts.get_open_user(viewer, key).await?.user.id;
        let rows = self.ledger.followers(account, after, limit + 1).await?;
        self.profiles_of_rows(viewer, Page::from_rows(rows, limit, |row| row.position)).await
    }

    /// The accounts of a page of rows, in its order, as `viewer` sees them.
    pub(super) async fn profiles_of_rows(
        &self,
        viewer: UserId,
        page: Page<FollowRow, i64>,
    ) -> AppResult<Page<Profile, i64>> {
        let ids: Vec<UserId> = page.items.iter().map(|row| row.user_id).collect();
        let profiles = self.accounts.profiles(viewer, &ids).await?;
        Ok(page.map_items(|_| profiles))
    }
}
