//! The calls that the rates are computed over, in constant memory.

use super::{MAX_WINDOW, WindowSize};
use std::{collections::VecDeque, time::Duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) calls: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

impl Tally {
    pub(super) fn of_call(failed: bool, slow: bool) -> Self {
        Self { calls: 1, failed: failed.into(), slow: slow.into() }
    }

    fn add(&mut self, other: Tally) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
    }

    fn subtract(&mut self, other: Tally) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.failed = self.failed.saturating_sub(other.failed);
        self.slow = self.slow.saturating_sub(other.slow);
    }
}

/// A sliding window: a ring of single calls, or of the sums of seconds.
#[derive(Debug, Clone)]
pub(super) struct Window {
    size: WindowSize,
    /// The second (0 in a window of calls) and what was counted in it, oldest first.
    buckets: VecDeque<(u64, Tally)>,
    total: Tally,
}

impl Window {
    /// An empty window. Its size is held between 1 and [`MAX_WINDOW`].
    pub(super) fn new(size: WindowSize) -> Self {
        let size = match size {
            WindowSize::Calls(calls) => WindowSize::Calls(calls.clamp(1, MAX_WINDOW)),
            WindowSize::Seconds(seconds) => WindowSize::Seconds(seconds.clamp(1, MAX_WINDOW)),
        };
        Self { size, buckets: VecDeque::new(), total: Tally::default() }
    }

    pub(super) fn record(&mut self, failed: bool, slow: bool, now: Duration) {
        let call = Tally::of_call(failed, slow);
        match self.size {
            WindowSize::Calls(calls) => {
                while self.buckets.len() >= calls as usize {
                    self.drop_oldest();
                }
                self.buckets.push_back((0, call));
            }
            WindowSize::Seconds(_) => {
                self.forget(now);
                match self.buckets.back_mut() {
                    // A clock that goes back counts into the newest second.
                    Some((second, tally)) if *second >= now.as_secs() => tally.add(call),
                    _ => self.buckets.push_back((now.as_secs(), call)),
                }
            }
        }
        self.total.add(call);
    }

    /// What is in the window now.
    pub(super) fn total(&mut self, now: Duration) -> Tally {
        self.forget(now);
        self.total
    }

    fn forget(&mut self, now: Duration) {
        let WindowSize::Seconds(seconds) = self.size else { return };
        while self.buckets.front().is_some_and(|(second, _)| second + u64::from(seconds) <= now.as_secs()) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, tally)) = self.buckets.pop_front() {
            self.total.subtract(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_calls_slides() {
        // Case 14.
        let mut window = Window::new(WindowSize::Calls(4));
        let rates = [true, false, false, false, false].map(|failed| {
            window.record(failed, false, Duration::ZERO);
            let total = window.total(Duration::ZERO);
            f64::from(total.failed) / f64::from(total.calls)
        });
        for (rate, expected) in rates.iter().zip([1.0, 0.5, 1.0 / 3.0, 0.25, 0.0]) {
            assert!((rate - expected).abs() < 1e-9, "{rates:?}");
        }
        assert_eq!(window.buckets.len(), 4);
    }

    #[test]
    fn a_window_of_time_forgets() {
        // Case 15.
        let mut window = Window::new(WindowSize::Seconds(5));
        let at = Duration::from_millis;
        for ms in [100, 500, 900] {
            window.record(true, true, at(ms));
        }
        assert_eq!(window.total(at(4_800)), Tally { calls: 3, failed: 3, slow: 3 });
        assert_eq!(window.total(at(5_800)), Tally::default());
        for second in 0..100_000 {
            window.record(true, false, at(second * 1_000));
            assert!(window.buckets.len() <= 5);
        }
        assert_eq!(window.total(at(99_999_000)).calls, 5);
    }
}
