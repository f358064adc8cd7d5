//! What calls meet in place of their dependency, so that tests see what happens then.

use parking_lot::Mutex;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// What calls meet in place of their dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// They do not end.
    Hang,
    Panic,
    /// They begin late by this long.
    Slow(Duration),
}

/// The sabotage of one breaker.
#[derive(Default)]
pub(super) struct Saboteur {
    is_at_work: AtomicBool,
    order: Mutex<Option<(Sabotage, Instant)>>,
}

impl Saboteur {
    pub fn order(&self, sabotage: Sabotage, lasting: Duration) {
        *self.order.lock() = Some((sabotage, Instant::now() + lasting));
        self.is_at_work.store(true, Ordering::Release);
    }

    /// `work`, or what it meets.
    pub async fn met_by<T>(&self, work: impl Future<Output = T>) -> T {
        if self.is_at_work.load(Ordering::Acquire) {
            match self.current() {
                Some(Sabotage::Hang) => std::future::pending().await,
                Some(Sabotage::Panic) => panic!("sabotage"),
                Some(Sabotage::Slow(delay)) => tokio::time::sleep(delay).await,
                None => {}
            }
        }
        work.await
    }

    fn current(&self) -> Option<Sabotage> {
        let mut order = self.order.lock();
        *order = order.filter(|(_, until)| Instant::now() < *until);
        if order.is_none() {
            self.is_at_work.store(false, Ordering::Release);
        }
        order.map(|(sabotage, _)| sabotage)
    }
}
