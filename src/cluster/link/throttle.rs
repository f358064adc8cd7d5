//! Keeps a log readable while somebody knocks all day.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

const QUIET: Duration = Duration::from_secs(30);

/// Lets one warning of a kind pass in half a minute.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<&'static str, (Instant, u64)>>);

impl Throttle {
    /// Whether to warn now, and how many of the kind were kept back since the last time.
    pub(super) fn admit(&self, kind: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut kinds = self.0.lock();
        match kinds.get_mut(kind) {
            Some((last, held_back)) if now.duration_since(*last) < QUIET => {
                *held_back += 1;
                None
            }
            Some((last, held_back)) => {
                *last = now;
                Some(std::mem::take(held_back))
            }
            None => {
                kinds.insert(kind, (now, 0));
                Some(0)
            }
        }
    }
}
