//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// Pauses that double with every failure in a row, up to a cap, and differ at random, so that those who failed
/// together do not return together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    first: Duration,
    cap: Duration,
}

impl BackOff {
    /// At most `first` after the first failure, and never more than `cap`.
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap }
    }

    /// The longest pause after so many failures in a row; none where nothing failed.
    pub fn longest(self, failures: u32) -> Duration {
        match failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => self.first.saturating_mul(1 << doublings.min(31)).min(self.cap),
        }
    }

    /// A pause between half of the longest and all of it, at random.
    pub fn pause(self, failures: u32) -> Duration {
        self.pause_by(failures, rand::random())
    }

    /// The same with a `share` from 0 to 1 of the caller's in place of chance.
    pub fn pause_by(self, failures: u32, share: f64) -> Duration {
        self.longest(failures).mul_f64(0.5 + 0.5 * share.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK_OFF: BackOff = BackOff::new(Duration::from_millis(50), Duration::from_secs(1));

    #[test]
    fn pauses_double_up_to_the_cap_and_nothing_overflows() {
        let longest = [0, 1, 2, 3, 5, 6, 40, u32::MAX].map(|failures| BACK_OFF.longest(failures).as_millis());
        assert_eq!(longest, [0, 50, 100, 200, 800, 1_000, 1_000, 1_000]);
        let endless = BackOff::new(Duration::MAX, Duration::MAX);
        assert_eq!(endless.longest(u32::MAX), Duration::MAX);
    }

    #[test]
    fn chance_moves_a_pause_within_the_upper_half_only() {
        assert_eq!(BACK_OFF.pause_by(2, 0.0), Duration::from_millis(50));
        assert_eq!(BACK_OFF.pause_by(2, 1.0), Duration::from_millis(100));
        assert_eq!(BACK_OFF.pause_by(2, 7.0), Duration::from_millis(100));
        let pauses: Vec<Duration> = (0..200).map(|_| BACK_OFF.pause(4)).collect();
        let allowed = Duration::from_millis(200)..=Duration::from_millis(400);
        assert!(pauses.iter().all(|pause| allowed.contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "they differ");
    }
}
