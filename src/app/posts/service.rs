//! What use cases of posts need.

use crate::{AppParts, accounts::Accounts, hydrate::Hydrator};
use std::sync::Arc;
use tessera_actors::broadcast::Invalidation;
use tessera_ports::ledger::PostLedger;

/// Posts, one by one and by author.
pub struct Posts {
    pub(super) ledger: Arc<dyn PostLedger>,
    pub(super) hydrator: Hydrator,
    pub(super) invalidation: Invalidation,
    pub(super) accounts: Arc<Accounts>,
}

impl Posts {
    pub(crate) fn new(parts: &AppParts, hydrator: &Hydrator, accounts: &Arc<Accounts>) -> Self {
        Self {
            ledger: parts.ledger.clone(),
            hydrator: hydrator.clone(),
            invalidation: parts.actors.invalidation.clone(),
            accounts: accounts.clone(),
        }
    }
}
