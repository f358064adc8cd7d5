//! The restart policy: how often what may restart before the failure goes one level up.
//!
//! The numbers follow OTP's habit of a handful per minute for things that matter, and are generous for
//! single entities, whose failure touches one user or one post.

use std::time::Duration;
use tessera_cluster::{RegionSettings, RestartIntensity};

/// One entity, restarted in place with the rest of its mailbox.
pub const ENTITY: RestartIntensity = RestartIntensity { max_restarts: 5, within: Duration::from_secs(10) };
/// The entities of one shard, stopping one after another.
pub const SHARD: RestartIntensity = RestartIntensity { max_restarts: 50, within: Duration::from_secs(10) };
/// A group of the tree.
pub const GROUP: RestartIntensity = RestartIntensity { max_restarts: 20, within: Duration::from_secs(60) };
/// The root restarts nothing: a group that gave up could not help itself within [`GROUP`], so the process ends
/// and its peers (or its service manager) take over.
pub const ROOT: RestartIntensity = RestartIntensity { max_restarts: 0, within: Duration::from_secs(60) };

/// What stands behind one breaker and is restarted by it, before the breaker opens.
pub const WARD: RestartIntensity = RestartIntensity { max_restarts: 5, within: Duration::from_secs(60) };
/// Openings of a breaker for its wards' sake, before all of them are restarted.
pub const ESCALATION: RestartIntensity = RestartIntensity { max_restarts: 1, within: Duration::from_secs(600) };

/// A region's settings with this policy.
pub fn region(mailbox_capacity: usize, idle_after: Duration, memory_budget_bytes: usize) -> RegionSettings {
    RegionSettings { mailbox_capacity, idle_after, memory_budget_bytes, entity_restarts: ENTITY, shard_restarts: SHARD }
}
