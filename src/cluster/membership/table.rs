//! Questions to the membership table, each within its time.

use std::time::{Duration, Instant};
use tessera_ports::{Determinacy, StoreError, StoreResult};

/// How often the table is read without being told to.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long one question to the table may take.
const TABLE_LIMIT: Duration = Duration::from_secs(1);

pub(super) fn elapsed_ms(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

/// The table's answer, or that it did not come in time.
pub(super) async fn in_time<T>(question: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    tokio::time::timeout(TABLE_LIMIT, question).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable {
            store: "membership table",
            determinacy: Determinacy::Unknown,
            detail: format!("no answer within {} ms", TABLE_LIMIT.as_millis()),
        })
    })
}
