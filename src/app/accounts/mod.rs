//! Accounts and sessions.

mod authenticate;
mod create_session;
mod create_user;
mod end_session;
mod get_me;
mod get_user;
pub(crate) mod passwords;
mod profiles;
mod service;
mod tokens;
mod update_me;

pub use create_session::SignedIn;
pub use get_user::{Profile, UserKey};
pub use service::Accounts;
pub use tessera_ports::ledger::{ProfileChange, TokenHash};
pub use tokens::{TOKEN_PREFIX, hash_token};
