//! The log that ranking learns from: what was shown to whom with what was known of it then, and what came of it.
//!
//! One record per line of JSON. Impressions are written when a list is served, with the very numbers that it was ranked
//! by, so that training never sees what happened later; engagements follow as records of their own and are joined when
//! the model is trained.

use crate::{
    PostId, Timestamp, UserId,
    features::{FEATURE_SET_VERSION, FeatureRow},
    feed::SourceKind,
    time::DAY_MS,
};
use serde::{Deserialize, Serialize};

/// An engagement counts for the last impression of the post within so many milliseconds before it.
pub const ATTRIBUTION_WINDOW_MS: i64 = DAY_MS;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogRecord {
    /// A post was shown.
    Impression(Impression),
    /// Somebody did something with a post.
    Engagement(Engagement),
}

/// A post was shown to somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Impression {
    /// The list that showed it: posts with the same number and viewer were shown together.
    pub list_id: u64,
    pub viewer_id: UserId,
    pub post_id: PostId,
    /// Its place in the list, counted from 0.
    pub position: u32,
    /// Why it was in the list.
    pub source: SourceKind,
    pub at: Timestamp,
    /// The version of the list of features ([`FEATURE_SET_VERSION`] at the time).
    pub feature_set: u16,
    /// What was known of it; `null` where something was not.
    pub features: Vec<Option<f32>>,
}

impl Impression {
    /// The row it was ranked by; `None` where it was logged with another list of features.
    pub fn row(&self) -> Option<FeatureRow> {
        (self.feature_set == FEATURE_SET_VERSION).then(|| FeatureRow::from_logged(&self.features))?
    }
}

/// Somebody did something with a post, wherever they saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    pub viewer_id: UserId,
    pub post_id: PostId,
    pub kind: EngagementKind,
    pub at: Timestamp,
}

/// What somebody did with a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngagementKind {
    Like,
    Comment,
    /// Followed its author from it.
    Follow,
}
