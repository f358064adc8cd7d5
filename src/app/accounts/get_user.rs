//! Somebody's profile as the caller sees it.

use super::Accounts;
use crate::{AppError, AppResult};
use std::str::FromStr;
use tessera_domain::{
    UserId,
    user::{Relationship, User, Username, Visibility, visibility},
};

/// What names an account in a path: its id, or `@` and its user name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserKey {
    Id(UserId),
    Name(Username),
}

impl FromStr for UserKey {
    type Err = AppError;

    /// What can be no account's id or name names no account: [`AppError::NotFound`].
    fn from_str(text: &str) -> Result<Self, AppError> {
        let key = match text.strip_prefix('@') {
            Some(name) => Username::parse(name).ok().map(UserKey::Name),
            None => text.parse().ok().map(UserKey::Id),
        };
        key.ok_or(AppError::NotFound("user"))
    }
}

/// An account and how the caller stands to it.
#[derive(Debug, Clone)]
pub struct Profile {
    pub user: User,
    /// How the caller stands to it.
    pub relationship: Relationship,
}

impl Profile {
    /// Whether `viewer` may see the account's posts and lists.
    pub fn shows_posts_to(&self, viewer: UserId) -> bool {
        visibility(viewer, &self.user, self.relationship.into()) != Visibility::Hidden
    }
}

impl Accounts {
    /// The account that `key` names, as `viewer` sees it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none, it was deleted, or it blocks the viewer. Whom the viewer
    /// blocks they still see, so that the block can be lifted; posts and lists are hidden all the same.
    pub async fn get_user(&self, viewer: UserId, key: &UserKey) -> AppResult<Profile> {
        let user = self.account(key).await?;
        let relationship = self.ledger.relationships(viewer, &[user.id]).await?.pop().unwrap_or_default();
        if relationship.blocked_by {
            return Err(AppError::NotFound("user"));
        }
        Ok(Profile { user, relationship })
    }

    /// The account that `key` names, where `viewer` may see its posts and lists.
    ///
    /// # Errors
    /// [`AppError::NotFound`] as in [`Accounts::get_user`] and where the viewer blocks the account;
    /// [`AppError::Forbidden`] where it is private and the viewer does not follow it.
    pub async fn get_open_user(&self, viewer: UserId, key: &UserKey) -> AppResult<Profile> {
        let profile = self.get_user(viewer, key).await?;
        if profile.relationship.is_blocked() {
            return Err(AppError::NotFound("user"));
        }
        if !profile.shows_posts_to(viewer) {
            return Err(AppError::Forbidden);
        }
        Ok(profile)
    }

    /// The id of the account that `key` names, whoever blocks whom.
    pub(crate) async fn account_id(&self, key: &UserKey) -> AppResult<UserId> {
        Ok(self.account(key).await?.id)
    }

    async fn account(&self, key: &UserKey) -> AppResult<User> {
        let user = match key {
            UserKey::Id(id) => self.ledger.users(&[*id]).await?.into_iter().next(),
            UserKey::Name(name) => self.ledger.user_by_name(name).await?,
        };
        user.filter(|user| user.deleted_at.is_none()).ok_or(AppError::NotFound("user"))
    }
}
