//! Accounts and their sessions.

use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UserId,
    user::{User, Username},
};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its id, given by the caller.
    pub id: UserId,
    pub username: Username,
    /// Its name to show.
    pub display_name: String,
    /// The password's hash in PHC string format; never the password.
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// What became of [`AccountLedger::create_user`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateUserOutcome {
    Created,
    /// Somebody has the name.
    UsernameTaken,
}

/// Changes to a profile; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// New name to show, cleaned.
    pub display_name: Option<String>,
    pub bio: Option<String>,
    /// Whether only followers may see the posts.
    pub private: Option<bool>,
}

/// The SHA-256 hash of a bearer token. The token itself is never stored.
pub type TokenHash = [u8; 32];

#[async_trait]
pub trait AccountLedger: Send + Sync + 'static {
    /// Makes an account. The name decides: of two at once, one gets it.
    async fn create_user(&self, user: NewUser) -> StoreResult<CreateUserOutcome>;

    /// Id and password hash of the account with this name, unless it was deleted.
    async fn credentials(&self, username: &Username) -> StoreResult<Option<(UserId, String)>>;

    /// Opens a session that is valid until `expires_at`.
    async fn create_session(
        &self,
        token_hash: TokenHash,
        user_id: UserId,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> StoreResult<()>;

    /// Whose session this is, unless it ran out, was ended, or the account was deleted.
    async fn session_user(&self, token_hash: TokenHash, now: Timestamp) -> StoreResult<Option<UserId>>;

    /// Ends a session; returns whether there was one.
    async fn delete_session(&self, token_hash: TokenHash) -> StoreResult<bool>;

    /// Accounts by id, in any order; ids that do not exist are left out, deleted accounts are not.
    async fn users(&self, ids: &[UserId]) -> StoreResult<Vec<User>>;

    /// The account with this name, unless it was deleted.
    async fn user_by_name(&self, username: &Username) -> StoreResult<Option<User>>;

    /// Ids of all accounts, deleted ones among them, in their order, those behind `after`.
    async fn account_ids(&self, after: Option<UserId>, limit: usize) -> StoreResult<Vec<UserId>>;

    /// Changes a profile and records `UserChanged`; `None` where the account does not exist.
    async fn update_profile(&self, user_id: UserId, change: ProfileChange) -> StoreResult<Option<User>>;
}
