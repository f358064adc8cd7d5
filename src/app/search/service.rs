//! What search needs.

use crate::{AppParts, accounts::Accounts};
use std::sync::Arc;
use tessera_actors::popular::PopularRef;
use tessera_ports::ledger::DiscoveryLedger;

/// Search for accounts and hashtags.
pub struct Search {
    pub(super) ledger: Arc<dyn DiscoveryLedger>,
    pub(super) popular: PopularRef,
    pub(super) accounts: Arc<Accounts>,
}

impl Search {
    pub(crate) fn new(parts: &AppParts, accounts: &Arc<Accounts>) -> Self {
        Self { ledger: parts.ledger.clone(), popular: parts.actors.popular.clone(), accounts: accounts.clone() }
    }
}
