//! What the list of popular posts understands.

use super::core::Change;
use tessera_cluster::Reply;
use tessera_domain::post::PostRef;
use tessera_ports::{StoreResult, ledger::EngagementHour};

/// Where the strongest posts go, with their scores.
pub(super) type TopReply = Reply<StoreResult<Vec<(PostRef, f64)>>>;

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
}
