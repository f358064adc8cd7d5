//! Whether the stores answer.

use crate::App;
use std::time::Duration;
use tessera_ports::StoreResult;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

impl App {
    /// What of the stores is missing, in words for the operator; empty when all answer within two seconds.
    pub async fn check_stores(&self) -> Vec<String> {
        let (ledger, hot, objects) = tokio::join!(
            within("ledger", self.ledger.check()),
            within("hot store", self.hot.check()),
            within("object store", self.objects.check()),
        );
        [ledger, hot, objects].into_iter().flatten().collect()
    }
}

async fn within(name: &str, check: impl Future<Output = StoreResult<()>>) -> Option<String> {
    match tokio::time::timeout(CHECK_TIMEOUT, check).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{name}: {error}")),
        Err(_) => Some(format!("{name}: no answer within {} s", CHECK_TIMEOUT.as_secs())),
    }
}
