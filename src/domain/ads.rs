//! Advertisements: promoted posts with an active window, a daily budget and a frequency cap per user.

use crate::{AdId, Invalid, PostId, Timestamp};
use serde::{Deserialize, Serialize};

/// A campaign that shows one post to people who did not ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ad {
    pub id: AdId,
    pub post_id: PostId,
    /// Shown from then on.
    pub starts_at: Timestamp,
    /// Not shown from then on.
    pub ends_at: Timestamp,
    /// Most impressions per UTC day, over all users.
    pub daily_budget: u64,
    /// Most impressions per UTC day to one user.
    pub frequency_cap: u32,
}

impl Ad {
    /// Refuses windows that end before they start, and budgets of nothing.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.ends_at <= self.starts_at {
            return Err(Invalid::new("ends_at", "must be after starts_at"));
        }
        if self.daily_budget == 0 {
            return Err(Invalid::new("daily_budget", "must be at least 1 impression"));
        }
        if self.frequency_cap == 0 {
            return Err(Invalid::new("frequency_cap", "must be at least 1 impression"));
        }
        Ok(())
    }

    /// Whether the window is open at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// How far an ad is behind an even spend of its budget over the UTC day; the furthest behind is shown first.
///
/// 0 means on schedule, 1 means a whole day's budget behind. Even pacing keeps a small budget from being
/// spent in the first minutes after midnight.
pub fn pacing_lag(ad: &Ad, impressions_today: u64, now: Timestamp) -> f64 {
    let day_fraction = now.0.rem_euclid(crate::time::DAY_MS) as f64 / crate::time::DAY_MS as f64;
    day_fraction - impressions_today as f64 / ad.daily_budget.max(1) as f64
}
