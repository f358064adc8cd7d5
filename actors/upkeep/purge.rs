//! Deletes what deleted posts left behind, step by step.

use std::time::{Duration, Instant};
use tessera_ports::{Ledger, StoreResult};

/// Rows deleted in one step: what others' writes wait for, where there is one writer.
pub const PURGE_ROWS: usize = 1_000;
/// Steps in one round; more wait for the next.
const PURGE_STEPS: usize = 1_000;

/// Deletes what deleted posts left behind until nothing is left or the round is full; returns how many rows went. Rests
/// after each step as long as it took, so that others get at least half of the ledger's time. `watch` is told how long
/// each took.
pub async fn purge_deleted_posts(ledger: &dyn Ledger, mut watch: impl FnMut(Duration)) -> StoreResult<u64> {
    let mut purged = 0;
    for _ in 0..PURGE_STEPS {
        let began = Instant::now();
        let step = ledger.purge_deleted_post(PURGE_ROWS).await?;
        let took = began.elapsed();
        watch(took);
        match step {
            Some(rows) => purged += rows,
            None => break,
        }
        tokio::time::sleep(took).await;
    }
    Ok(purged)
}
