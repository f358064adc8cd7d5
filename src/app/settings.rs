//! Limits and rules that an operator may set.

use tessera_domain::{celebrity::CelebrityRule, stitch::FeedRatios, time::DAY_MS};

/// Limits and rules of the use cases.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// When an author's posts are pulled instead of pushed.
    pub celebrity_rule: CelebrityRule,
    /// What a feed is mixed from, normalised.
    pub feed_ratios: FeedRatios,
    /// Whether the ranking model orders followed posts too; else they are newest first.
    pub ranks_followed: bool,
    /// Largest picture to be uploaded, in bytes.
    pub upload_max_bytes: u64,
    /// Largest video to be uploaded, in bytes; `None`: videos cannot be converted here.
    pub video_max_bytes: Option<u64>,
    /// Most uploads per user and UTC day; `None` for no limit.
    pub daily_upload_quota: Option<u32>,
    /// Most media jobs that may wait; past it a completion is refused as overloaded.
    pub max_queued_jobs: u64,
    /// The share of people (0 to 1) whose impressions of recommended posts are kept on a day, where they are kept.
    pub ranking_log_share: f64,
    /// How long a session lasts, in milliseconds.
    pub session_lifetime_ms: i64,
    /// Password hashes computed at the same time; each takes about 19 MiB and a core.
    pub password_workers: usize,
    /// Password hashes that may wait for a worker; past it sign-up and log-in are refused as overloaded.
    pub password_queue: usize,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            celebrity_rule: CelebrityRule { threshold: 10_000 },
            feed_ratios: FeedRatios::default(),
            ranks_followed: false,
            upload_max_bytes: 50 * 1024 * 1024,
            video_max_bytes: Some(512 * 1024 * 1024),
            daily_upload_quota: Some(500),
            max_queued_jobs: 10_000,
            ranking_log_share: 0.1,
            session_lifetime_ms: 90 * DAY_MS,
            password_workers: 2,
            password_queue: 64,
        }
    }
}
