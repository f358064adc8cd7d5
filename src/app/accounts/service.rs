//! What use cases of accounts and sessions need.

use super::passwords::PasswordHasher;
use crate::{AppParts, AppResult, IdSource, hydrate::NodeCaches};
use std::sync::Arc;
use tessera_actors::broadcast::Invalidation;
use tessera_ports::Ledger;

pub struct Accounts {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) ids: Arc<IdSource>,
    pub(super) caches: Arc<NodeCaches>,
    pub(super) invalidation: Invalidation,
    pub(super) passwords: PasswordHasher,
    pub(super) session_lifetime_ms: i64,
}

impl Accounts {
    /// # Errors
    /// Where the password hasher cannot be set up.
    pub(crate) fn new(parts: &AppParts) -> AppResult<Self> {
        Ok(Self {
            ledger: parts.ledger.clone(),
            ids: parts.ids.clone(),
            caches: parts.caches.clone(),
            invalidation: parts.actors.invalidation.clone(),
            passwords: PasswordHasher::new(parts.settings.password_workers, parts.settings.password_queue)?,
            session_lifetime_ms: parts.settings.session_lifetime_ms,
        })
    }
}
