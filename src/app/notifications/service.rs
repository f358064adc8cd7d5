//! What use cases of notifications need.

use crate::{AppParts, hydrate::Hydrator};
use std::sync::Arc;
use tessera_ports::ledger::NotificationLedger;

pub struct Notifications {
    pub(super) ledger: Arc<dyn NotificationLedger>,
    pub(super) hydrator: Hydrator,
}

impl Notifications {
    pub(crate) fn new(parts: &AppParts, hydrator: &Hydrator) -> Self {
        Self { ledger: parts.ledger.clone(), hydrator: hydrator.clone() }
    }
}
