//! Whether the stores answer.

use crate::App;
use std::time::Duration;
use tessera_ports::StoreResult;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// What of the stores does not answer, in words for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoresHealth {
    /// Without it nothing can be served: the ledger.
    pub missing: Vec<String>,
    /// Without it the rest is served all the same: the hot store, whose copies the ledger replaces, and the object
    /// store, which only uploads and media need.
    pub degraded: Vec<String>,
}

impl App {
    /// Asks all stores; each has two seconds to answer.
    pub async fn check_stores(&self) -> StoresHealth {
        let (ledger, hot, objects) = tokio::join!(
            within("ledger", self.ledger.check()),
            within("hot store", self.hot.check()),
            within("object store", self.objects.check()),
        );
        StoresHealth { missing: ledger.into_iter().collect(), degraded: [hot, objects].into_iter().flatten().collect() }
    }
}

async fn within(name: &str, check: impl Future<Output = StoreResult<()>>) -> Option<String> {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{name}: {error}")),
        Err(_) => Some(format!("{name}: no answer within {} s", CHECK_TIMEOUT.as_secs())),
    }
}
