//! Changes to the caller's own profile.

use super::{Accounts, ProfileChange};
use crate::{
    AppError, AppResult,
    outdate::{outdate, outdate_certainly},
};
use tessera_actors::broadcast::Outdated;
use tessera_domain::{
    UserId, text,
    user::{self, MAX_BIO_CHARS, User},
};

impl Accounts {
    /// Changes the given fields of the caller's profile and leaves the others.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a name or biography that the rules refuse;
    /// [`AppError::Unavailable`] where the account is private now and a node may not have heard of it.
    pub async fn update_me(&self, user_id: UserId, change: ProfileChange) -> AppResult<User> {
        let change = ProfileChange {
            display_name: change.display_name.as_deref().map(user::display_name).transpose()?,
            bio: change.bio.as_deref().map(|bio| text::clean("bio", bio, MAX_BIO_CHARS)).transpose()?,
            private: change.private,
        };
        if change == ProfileChange::default() {
            return self.get_me(user_id).await;
        }
        let hides = change.private == Some(true);
        let changed = self.ledger.update_profile(user_id, change).await?;
        let outdated = Outdated::users(&[user_id]);
        if hides {
            outdate_certainly(&self.invalidation, outdated).await?
        } else {
            outdate(&self.invalidation, outdated).await
        }
        changed.ok_or(AppError::Unauthenticated)
    }
}
