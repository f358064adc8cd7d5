//! Replies kept for idempotency keys.
//!
//! A signed-in user's replies are kept in the ledger for a day. Replies to people who are not signed in
//! hold fresh tokens, and tokens are never stored; those stay in memory, bounded and for minutes only.

use crate::{AppParts, AppResult, clock};
use moka::future::Cache;
use std::{sync::Arc, time::Duration};
use tessera_domain::UserId;
use tessera_ports::ledger::ReplyLedger;
pub use tessera_ports::ledger::SavedReply;

const VOLATILE_TTL: Duration = Duration::from_secs(600);
const VOLATILE_ENTRIES: u64 = 10_000;

/// Whose key it is: keys of different scopes never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReplyScope {
    User(UserId),
    /// That of an address that is not signed in.
    Address(String),
}

/// Replies kept for idempotency keys.
pub struct Replies {
    ledger: Arc<dyn ReplyLedger>,
    /// Those that are kept in memory only.
    volatile: Cache<(String, String), SavedReply>,
}

impl Replies {
    pub(crate) fn new(parts: &AppParts) -> Self {
        let volatile = Cache::builder().max_capacity(VOLATILE_ENTRIES).time_to_live(VOLATILE_TTL).build();
        Self { ledger: parts.ledger.clone(), volatile }
    }

    /// The reply kept under `key`.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn saved_reply(&self, scope: &ReplyScope, key: &str) -> AppResult<Option<SavedReply>> {
        match scope {
            ReplyScope::User(id) => Ok(self.ledger.saved_reply(&id.to_string(), key, clock::now()).await?),
            ReplyScope::Address(address) => Ok(self.volatile.get(&(address.clone(), key.to_owned())).await),
        }
    }

    /// Keeps a reply under `key`; the first one stays.
    ///
    /// # Errors
    /// Those of the ledger.
    pub async fn save_reply(&self, scope: &ReplyScope, key: &str, reply: SavedReply) -> AppResult<()> {
        match scope {
            ReplyScope::User(id) => Ok(self.ledger.save_reply(&id.to_string(), key, reply, clock::now()).await?),
            ReplyScope::Address(address) => {
                let place = (address.clone(), key.to_owned());
                self.volatile.entry(place).or_insert(reply).await;
                Ok(())
            }
        }
    }
}
