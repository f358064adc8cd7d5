//! Restart intensity, as in OTP: at most so many restarts within so long, then escalate.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// A limit on restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartIntensity {
    /// How many restarts are allowed within the window.
    pub max_restarts: usize,
    pub within: Duration,
}

/// Counts restarts against a [`RestartIntensity`]. Memory is bounded by `max_restarts`.
#[derive(Debug, Clone)]
pub struct IntensityMeter {
    limit: RestartIntensity,
    restarts: VecDeque<Instant>,
}

impl IntensityMeter {
    /// A meter that has counted nothing.
    pub fn new(limit: RestartIntensity) -> Self {
        Self { limit, restarts: VecDeque::new() }
    }

    /// Counts a restart at `now`; false where it is one too many.
    pub fn allow(&mut self, now: Instant) -> bool {
        while self.restarts.front().is_some_and(|at| now.duration_since(*at) > self.limit.within) {
            self.restarts.pop_front();
        }
        if self.restarts.len() >= self.limit.max_restarts {
            return false;
        }
        self.restarts.push_back(now);
        true
    }

    pub fn limit(&self) -> RestartIntensity {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let mut meter = IntensityMeter::new(RestartIntensity { max_restarts: 2, within: Duration::from_secs(10) });
        assert!(meter.allow(start));
        assert!(meter.allow(start + Duration::from_secs(9)));
        assert!(!meter.allow(start + Duration::from_secs(10)));
        assert!(meter.allow(start + Duration::from_secs(11)));
    }
}
