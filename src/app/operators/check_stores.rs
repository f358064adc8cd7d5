//! Whether the stores answer.

use super::Operators;
use std::time::Duration;
use tessera_ports::StoreResult;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// What a store said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreCheck {
    /// `ledger`, `hot` or `objects`.
    pub store: &'static str,
    /// Whether nothing can be served without it. That is so for the ledger alone: it takes the place of the hot store,
    /// and only uploads and pictures need the object store.
    pub needed: bool,
    /// Why it is of no use now, in words for the operator; `None`: it answered.
    pub failure: Option<String>,
}

impl Operators {
    /// Asks all stores; each has two seconds to answer.
    pub async fn check_stores(&self) -> [StoreCheck; 3] {
        tokio::join!(
            check("ledger", true, self.ledger.check()),
            check("hot", false, self.hot.check()),
            check("objects", false, self.objects.check()),
        )
        .into()
    }
}

async fn check(store: &'static str, needed: bool, answer: impl Future<Output = StoreResult<()>>) -> StoreCheck {
    let failure = match tokio::time::timeout(CHECK_TIMEOUT, answer).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{store}: {error}")),
        Err(_) => Some(format!("{store}: no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    StoreCheck { store, needed, failure }
}
