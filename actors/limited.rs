//! Time limits of entities on their stores: what waits for a result must get one, or it would wait for ever.

use std::{ops::Deref, sync::Arc, time::Duration};
use tessera_ports::{
    Ledger, StoreResult,
    decorators::{Decorator, TimeLimit, TimeLimited},
};

/// The ledger, each of whose calls ends within a limit.
pub struct LimitedLedger(Arc<dyn Ledger>);

impl LimitedLedger {
    pub fn new(ledger: &Arc<dyn Ledger>, limit: Duration) -> Self {
        Self(Arc::new(TimeLimited::new(ledger.clone(), TimeLimit::new("ledger", limit))))
    }
}

impl Deref for LimitedLedger {
    type Target = dyn Ledger;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// Several calls, or one with a limit of its own, within a limit.
pub(crate) async fn limited<T: Send>(
    store: &'static str,
    limit: Duration,
    work: impl Future<Output = StoreResult<T>> + Send,
) -> StoreResult<T> {
    TimeLimit::new(store, limit).call("work", work).await
}
