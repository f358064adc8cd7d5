//! What the ads of a node can be asked.

use serde::{Deserialize, Serialize};
use tessera_cluster::{Call, Reply};
use tessera_domain::{AdId, UserId, post::PostRef};
use tessera_ports::StoreResult;

/// An ad that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdCandidate {
    pub ad_id: AdId,
    /// The promoted post and its author.
    pub post: PostRef,
}

/// Chooses ads for a user, best first.
pub struct Choose {
    pub user_id: UserId,
    /// How many at most.
    pub limit: usize,
}

impl Call for Choose {
    type Answer = StoreResult<Vec<AdCandidate>>;
}

/// Where the chosen ads go.
pub(super) type CandidatesReply = Reply<<Choose as Call>::Answer>;

/// Ads were shown by this node: it writes the impressions.
pub struct Shown {
    pub user_id: UserId,
    pub ad_ids: Vec<AdId>,
}

impl Call for Shown {
    type Answer = ();
}

/// Ads were shown by another node, the one that tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownElsewhere {
    pub user_id: UserId,
    pub ad_ids: Vec<AdId>,
}

impl Call for ShownElsewhere {
    type Answer = ();
}

/// Campaigns changed: they are to be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignsChanged;

impl Call for CampaignsChanged {
    type Answer = ();

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Writes all impressions now; answered once they are durable.
pub struct Flush;

impl Call for Flush {
    type Answer = StoreResult<()>;
}
