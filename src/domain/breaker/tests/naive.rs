//! The textbook's breaker (docs/functions.md, section 10): its counts never begin anew but for the failures, it needs
//! no minimum of calls, knows nothing of slow ones, and lets everybody pass while half open.

use super::*;

const FAILURE_THRESHOLD: f64 = 0.5;
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct NaiveBreaker {
    state: BreakerState,
    failure_count: u32,
    total_requests: u32,
    last_failure_time: Duration,
}

impl Default for NaiveBreaker {
    fn default() -> Self {
        Self { state: BreakerState::Closed, failure_count: 0, total_requests: 0, last_failure_time: START }
    }
}

impl Subject for NaiveBreaker {
    fn begin(&mut self, now: Duration) -> bool {
        if self.state == BreakerState::Open && now - self.last_failure_time > TIMEOUT {
            self.state = BreakerState::HalfOpen;
        }
        self.state != BreakerState::Open
    }

    fn end(&mut self, outcome: Outcome, _: Duration, now: Duration) {
        self.total_requests += 1;
        // Every exception is a failure.
        if outcome != Outcome::Success {
            self.failure_count += 1;
            self.last_failure_time = now;
            if f64::from(self.failure_count) / f64::from(self.total_requests) > FAILURE_THRESHOLD {
                self.state = BreakerState::Open;
            }
        } else if self.state == BreakerState::HalfOpen {
            self.state = BreakerState::Closed;
            self.failure_count = 0;
        }
    }

    fn release(&mut self) {}

    /// It has no forced states: the nearest is to open it.
    fn force(&mut self, state: BreakerState, now: Duration) {
        self.state = if state == BreakerState::ForcedOpen { BreakerState::Open } else { state };
        self.last_failure_time = now;
    }

    fn state(&mut self, _: Duration) -> BreakerState {
        self.state
    }

    fn metrics(&mut self, _: Duration) -> BreakerMetrics {
        let rate = f64::from(self.failure_count) / f64::from(self.total_requests);
        BreakerMetrics {
            calls: self.total_requests,
            failed: self.failure_count,
            failure_rate: (self.total_requests > 0).then_some(rate),
            ..BreakerMetrics::default()
        }
    }
}
