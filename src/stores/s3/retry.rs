//! Bounded repetition of calls that failed in a way that may pass.

use super::error::unavailable;
use std::future::Future;
use std::time::Duration;
use tessera_ports::{Determinacy, StoreError, StoreResult, back_off::BackOff};

/// The pauses between attempts.
const PAUSES: BackOff = BackOff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Runs `call` until it succeeds, fails for good, or has failed `max_attempts` times.
///
/// Every call of this adapter is idempotent, so repeating one after an unknown outcome is safe. The error that
/// is returned says `Unknown` where any attempt may have taken effect, not only the last.
pub(super) async fn with_retries<T, Call, Attempt>(max_attempts: u32, call: Call) -> StoreResult<T>
where
    Call: Fn() -> Attempt,
    Attempt: Future<Output = StoreResult<T>>,
{
    let mut maybe_done = false;
    let mut attempt = 1;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        maybe_done |= error.determinacy() == Determinacy::Unknown;
        if attempt >= max_attempts || !error.is_transient() {
            return Err(settle(error, maybe_done));
        }
        tokio::time::sleep(PAUSES.pause(attempt)).await;
        attempt += 1;
    }
}

/// The last error, made indeterminate where an earlier attempt was.
fn settle(error: StoreError, maybe_done: bool) -> StoreError {
    if maybe_done && error.determinacy() == Determinacy::NotDone {
        return unavailable(Determinacy::Unknown, format!("after an attempt of unknown outcome: {error}"));
    }
    error
}
