//! The time since a breaker was made.

#[cfg(test)]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::{Duration, Instant};

/// A breaker's clock. Tests of what time does hand in their own.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    origin: Instant,
    #[cfg(test)]
    handed_ms: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            #[cfg(test)]
            handed_ms: None,
        }
    }

    /// A clock that goes as its holder says.
    #[cfg(test)]
    pub fn handed(ms: Arc<AtomicU64>) -> Self {
        Self { origin: Instant::now(), handed_ms: Some(ms) }
    }

    /// The time since its beginning.
    pub fn now(&self) -> Duration {
        #[cfg(test)]
        if let Some(ms) = &self.handed_ms {
            return Duration::from_millis(ms.load(Ordering::SeqCst));
        }
        self.origin.elapsed()
    }

    /// A moment on it as an instant.
    pub fn instant(&self, now: Duration) -> Instant {
        self.origin + now
    }
}
