//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};
pub use tessera_domain::Timestamp;

/// The time by this machine's clock.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
