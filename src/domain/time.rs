//! Points in time, as milliseconds since the Unix epoch.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. The edge shows it as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Milliseconds in a second.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 3_600 * SECOND_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

impl Timestamp {
    /// The time `duration_ms` after this one (before it, where negative).
    #[must_use]
    pub fn plus_ms(self, duration_ms: i64) -> Self {
        Self(self.0.saturating_add(duration_ms))
    }

    /// Milliseconds from `earlier` to this time; negative where `earlier` is later.
    pub fn since_ms(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The number of the UTC day this time falls into. Quotas and budgets reset when it changes.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// The first instant of the next UTC day.
    pub fn next_utc_midnight(self) -> Self {
        Self((self.utc_day() + 1) * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_change_at_midnight_utc() {
        let last = Timestamp(DAY_MS - 1);
        assert_eq!(last.utc_day(), 0);
        assert_eq!(last.plus_ms(1).utc_day(), 1);
        assert_eq!(last.next_utc_midnight(), Timestamp(DAY_MS));
        assert_eq!(Timestamp(-1).utc_day(), -1);
    }
}
