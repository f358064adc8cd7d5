//! What the ads of a node understand.

use super::core::Question;
use tessera_cluster::Reply;
use tessera_domain::{AdId, Timestamp, UserId, post::PostRef};
use tessera_ports::{
    StoreResult,
    ledger::{AdImpressions, AdSpend},
};

/// An ad that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdCandidate {
    /// The campaign.
    pub ad_id: AdId,
    /// The promoted post and its author.
    pub post: PostRef,
}

/// Where candidates go.
pub(super) type CandidatesReply = Reply<StoreResult<Vec<AdCandidate>>>;

/// What the ads of a node understand.
#[derive(Debug)]
pub enum AdsMessage {
    /// Choose ads for a user.
    Candidates {
        /// For whom.
        user_id: UserId,
        /// How many at most.
        limit: usize,
        /// The ads, best first.
        reply: CandidatesReply,
    },
    /// Ads were shown.
    Shown {
        /// To whom.
        user_id: UserId,
        /// Which, each once.
        ad_ids: Vec<AdId>,
    },
    /// Ads were shown by another node.
    ShownElsewhere {
        /// To whom.
        user_id: UserId,
        /// Which, each once.
        ad_ids: Vec<AdId>,
    },
    /// Read the campaigns now.
    Refresh,
    /// Write all impressions now.
    Flush {
        /// Answered once they are durable.
        reply: Reply<StoreResult<()>>,
    },
    /// To itself: it is time to read the campaigns.
    RefreshDue,
    /// To itself: the active campaigns as of a time.
    Refreshed(Timestamp, StoreResult<Vec<AdSpend>>),
    /// To itself: what a user saw today.
    ImpressionsRead(Question, StoreResult<Vec<AdImpressions>>, CandidatesReply),
    /// To itself: it is time to write impressions.
    FlushDue,
    /// To itself: a write ended.
    Flushed(StoreResult<()>),
}
