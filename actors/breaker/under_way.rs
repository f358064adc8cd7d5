//! A call through a breaker, from its permission to its end.

use super::{BreakerError, BreakerRef, message::BreakerMessage, shared::Shared};
use std::{sync::atomic::Ordering, time::Duration};
use tessera_domain::breaker::{Outcome, Permission};

/// A call that takes a place, and may go ahead once it has a permission. Dropped before its end it gives that back.
pub(super) struct UnderWay<'a> {
    shared: &'a Shared,
    permission: Option<Permission>,
    pub(super) began: Duration,
}

impl UnderWay<'_> {
    pub(super) fn end(mut self, outcome: Outcome) {
        let Some(permission) = self.permission.take() else { return };
        let now = self.shared.clock.now();
        let took = now.saturating_sub(self.began);
        match self.shared.gate.end(permission, outcome, took, now) {
            Some(ended) => self.shared.tell(ended),
            None => {
                self.shared.ignored.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.shared.under_way.0.fetch_sub(1, Ordering::Relaxed);
        if let Some(permission) = self.permission.take() {
            self.shared.cancelled.fetch_add(1, Ordering::Relaxed);
            self.shared.gate.release(permission);
        }
    }
}

impl BreakerRef {
    /// Takes a place and asks for a permission.
    pub(super) fn begin<E>(&self) -> Result<UnderWay<'_>, BreakerError<E>> {
        let shared = &*self.0;
        let mut under_way = UnderWay { shared, permission: None, began: shared.clock.now() };
        if shared.under_way.0.fetch_add(1, Ordering::Relaxed) >= shared.concurrent {
            shared.full.fetch_add(1, Ordering::Relaxed);
            return Err(BreakerError::Full);
        }
        let permission = shared.gate.acquire(under_way.began);
        let permission = permission.map_err(|refused| BreakerError::Open { retry_after: refused.retry_after })?;
        if permission.is_first_probe() {
            shared.send(BreakerMessage::ProbesBegan { generation: permission.generation(), at: under_way.began });
        }
        under_way.permission = Some(permission);
        Ok(under_way)
    }
}
