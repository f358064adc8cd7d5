//! Calls that always come back: within a time limit, and as an error where they panic.

use super::{Decorated, Decorator};
use crate::{Determinacy, StoreError, StoreResult};
use futures::FutureExt;
use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

/// An adapter each of whose calls comes back in time.
pub type TimeLimited<P> = Decorated<P, TimeLimit>;

/// How long a call may take. A time-out and a panic become [`StoreError::Unavailable`] whose write may have
/// happened: an entity that waits for a result must get one, or it would wait for ever.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit {
    store: &'static str,
    limit: Duration,
}

impl TimeLimit {
    /// `store` is what errors call the adapter.
    pub fn new(store: &'static str, limit: Duration) -> Self {
        Self { store, limit }
    }
}

impl Decorator for TimeLimit {
    async fn call<T: Send>(
        &self,
        _: &'static str,
        call: impl Future<Output = StoreResult<T>> + Send,
    ) -> StoreResult<T> {
        let unknown =
            |detail| Err(StoreError::Unavailable { store: self.store, determinacy: Determinacy::Unknown, detail });
        match tokio::time::timeout(self.limit, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => unknown("the call panicked".to_owned()),
            Err(_) => unknown(format!("no answer within {:?}", self.limit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whatever_the_call_does_there_is_a_result() {
        let limit = TimeLimit::new("test", Duration::from_millis(10));
        assert_eq!(limit.call("", async { Ok(7) }).await.ok(), Some(7));
        let late = limit.call::<()>("", std::future::pending()).await.expect_err("late");
        let panicked = limit.call::<()>("", async { panic!("a defect") }).await.expect_err("panicked");
        for error in [late, panicked] {
            assert_eq!(error.determinacy(), Determinacy::Unknown);
            assert!(error.is_transient());
        }
    }
}
