//! Calls to stores that always come back: within a time limit, and as an error where they panic.

use futures::FutureExt;
use std::{panic::AssertUnwindSafe, time::Duration};
use tessera_ports::{Determinacy, StoreError, StoreResult};

/// Waits for `work` at most `limit`. A time-out and a panic become [`StoreError::Unavailable`] whose write
/// may have happened: an entity that waits for a result must get one, or it would wait for ever.
pub(crate) async fn limited<T>(
    store: &'static str,
    limit: Duration,
    work: impl Future<Output = StoreResult<T>>,
) -> StoreResult<T> {
    let unknown = |detail| Err(StoreError::Unavailable { store, determinacy: Determinacy::Unknown, detail });
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => unknown("the call panicked".to_owned()),
        Err(_) => unknown(format!("no answer within {limit:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whatever_the_call_does_there_is_a_result() {
        let limit = Duration::from_millis(10);
        assert_eq!(limited("test", limit, async { Ok(7) }).await.ok(), Some(7));
        let late = limited::<()>("test", limit, std::future::pending()).await.expect_err("late");
        let panicked = limited::<()>("test", limit, async { panic!("a defect") }).await.expect_err("panicked");
        for error in [late, panicked] {
            assert_eq!(error.determinacy(), Determinacy::Unknown);
            assert!(error.is_transient());
        }
    }
}
