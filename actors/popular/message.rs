//! What the list of popular posts understands.

use super::core::Change;
use std::sync::Arc;
use tessera_cluster::Reply;
use tessera_domain::post::PostRef;
use tessera_ports::{
    StoreResult,
    ledger::{EngagementHour, HashtagHour},
};

/// Where the strongest posts go, with their scores.
pub(super) type TopReply = Reply<StoreResult<Vec<(PostRef, f64)>>>;

/// Where the trending hashtags go, with their scores.
pub(super) type TrendingReply = Reply<StoreResult<Vec<(Arc<str>, f64)>>>;

/// What the list of popular posts understands.
#[derive(Debug)]
pub enum PopularMessage {
    /// Give the strongest posts.
    Top {
        /// How many at most.
        limit: usize,
        /// Answered from memory.
        reply: TopReply,
    },
    /// Give the hashtags that trend most.
    Trending {
        /// How many at most.
        limit: usize,
        /// Answered from memory.
        reply: TrendingReply,
    },
    /// Something happened to a post.
    Change(Change),
    /// To itself: it is time to load from the ledger.
    Load,
    /// To itself: what the ledger gave.
    Loaded(StoreResult<LedgerView>),
}

/// What the ledger knows of the last 24 hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerView {
    /// Engagement by post and hour.
    pub engagement: Vec<EngagementHour>,
    /// The newest public posts.
    pub newest: Vec<PostRef>,
    /// Use of hashtags.
    pub hashtags: Vec<HashtagHour>,
}
