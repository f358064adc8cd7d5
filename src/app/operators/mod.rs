//! What operators see and do.

mod backlog;
mod check_stores;
mod create_ad;
mod list_ads;
mod list_dead_events;
mod list_jobs;
mod retry_event;
mod retry_job;
mod service;
mod visual_index;

pub use backlog::Backlog;
pub use check_stores::StoreCheck;
pub use create_ad::NewAd;
pub use service::Operators;
pub use tessera_actors::visual_search::{ModelStats as VisualModelStats, ShardStats as VisualShardStats};
pub use tessera_ports::ledger::{AdSpend, DeadEvent, JobState, JobView, MAX_COUNTED};
