//! Log-in.

use super::{Accounts, tokens};
use crate::{AppError, AppResult, clock};
use tessera_domain::{
    UserId,
    user::{User, Username, check_password},
};

/// A user and a fresh token of theirs. The token is nowhere else.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: User,
    /// The bearer token, to be shown once.
    pub token: String,
}

impl Accounts {
    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// [`AppError::WrongCredentials`] whichever of the two is wrong, after the same time;
    /// [`AppError::Overloaded`] when too many log-ins wait.
    pub async fn create_session(&self, username: &str, password: String) -> AppResult<SignedIn> {
        // A name or password that no account can have is wrong like any other, and takes as long.
        let name = Username::parse(username).ok();
        let credentials = match &name {
            Some(name) => self.ledger.credentials(name).await?,
            None => None,
        };
        let (user_id, hash) = credentials.unzip();
        let possible = check_password(&password).is_ok();
        let password = if possible { password } else { String::new() };
        let right = self.passwords.verify(password, hash).await?;
        match user_id {
            Some(user_id) if right && possible => self.open_session(user_id).await,
            _ => Err(AppError::WrongCredentials),
        }
    }

    /// Opens a session for `user_id`.
    pub(super) async fn open_session(&self, user_id: UserId) -> AppResult<SignedIn> {
        let token = tokens::new_token();
        let now = clock::now();
        let expires_at = now.plus_ms(self.session_lifetime_ms);
        self.ledger.create_session(tokens::hash_token(&token), user_id, now, expires_at).await?;
        Ok(SignedIn { user: self.get_me(user_id).await?, token })
    }
}
