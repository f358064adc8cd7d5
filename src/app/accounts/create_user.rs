//! Sign-up.

use super::{Accounts, SignedIn};
use crate::{AppError, AppResult, clock};
use tessera_domain::user::{self, Username, check_password};
use tessera_ports::ledger::{CreateUserOutcome, NewUser};

impl Accounts {
    /// Makes an account and opens its first session. Without a display name the user name is shown.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a name or password that the rules refuse, [`AppError::UsernameTaken`].
    pub async fn create_user(
        &self,
        username: &str,
        password: String,
        display_name: Option<&str>,
    ) -> AppResult<SignedIn> {
        let username = Username::parse(username)?;
        check_password(&password)?;
        let display_name = match display_name {
            Some(name) => user::display_name(name)?,
            None => username.as_str().to_owned(),
        };
        // Asked before the costly hash as well; the ledger's unique name still decides.
        if self.ledger.credentials(&username).await?.is_some() {
            return Err(AppError::UsernameTaken);
        }
        let password_hash = self.passwords.hash(password).await?;
        let id = self.ids.user();
        let new = NewUser { id, username, display_name, password_hash, created_at: clock::now() };
        match self.ledger.create_user(new).await? {
            CreateUserOutcome::Created => self.open_session(id).await,
            CreateUserOutcome::UsernameTaken => Err(AppError::UsernameTaken),
        }
    }
}
