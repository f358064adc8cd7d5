//! What every node of the cluster hears of, not only the owner of an entity: deliveries to resident timelines, copies
//! that are out of date, what makes posts popular, campaigns that changed.
//!
//! One message per node, however many of its users are meant.

use crate::{
    ActorError,
    fanout::{CacheInvalidation, Delivery, FanoutRef},
    popular::Change,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_cluster::{AskError, ClusterNode, Deadline, NodeCall, NodeService};
use tessera_domain::{AdId, PostId, UserId};
use tessera_ports::ledger::TokenHash;

/// Delivers to the resident timelines of a node; answered with how many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver(pub Delivery);

impl NodeCall for Deliver {
    type Answer = u64;
    const METHOD: u16 = 100;
}

/// Names copies in a node's memory that are out of date; answered with how many copies of posts there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outdated {
    /// Posts that were edited or deleted.
    pub posts: Vec<PostId>,
    /// Accounts whose profile changed.
    pub users: Vec<UserId>,
    /// Sessions that ended.
    pub sessions: Vec<TokenHash>,
}

impl Outdated {
    /// One post.
    pub fn post(post_id: PostId) -> Self {
        Self { posts: vec![post_id], ..Self::default() }
    }

    /// Some accounts.
    pub fn users(user_ids: &[UserId]) -> Self {
        Self { users: user_ids.to_vec(), ..Self::default() }
    }

    /// One session.
    pub fn session(token: TokenHash) -> Self {
        Self { sessions: vec![token], ..Self::default() }
    }
}

impl NodeCall for Outdated {
    type Answer = u64;
    const METHOD: u16 = 101;
}

/// Something happened to a public account's post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PopularityChanged(pub Change);

impl NodeCall for PopularityChanged {
    type Answer = ();
    const METHOD: u16 = 102;
}

/// Campaigns changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignsChanged;

impl NodeCall for CampaignsChanged {
    type Answer = ();
    const METHOD: u16 = 103;
}

/// Ads were shown to somebody, by the node that tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdsShown {
    /// To whom.
    pub user_id: UserId,
    /// Which, each once.
    pub ad_ids: Vec<AdId>,
}

impl NodeCall for AdsShown {
    type Answer = ();
    const METHOD: u16 = 104;
}

/// Fan-out to the resident timelines of all nodes (section 3). Cheap to clone.
#[derive(Clone)]
pub struct ClusterFanout(NodeService<Deliver>);

impl ClusterFanout {
    /// Serves deliveries on this node by its lanes.
    pub fn new(node: Arc<ClusterNode>, lanes: FanoutRef) -> Self {
        Self(NodeService::new(node, "fanout", move |Deliver(delivery), deadline| {
            let lanes = lanes.clone();
            async move { lanes.deliver(delivery, deadline).await }
        }))
    }

    /// Delivers everywhere; gives how many timelines were reached.
    ///
    /// # Errors
    /// Where a node that may hold timelines did not answer. The others have it, and drop what comes twice.
    pub async fn deliver(&self, delivery: Delivery, deadline: Deadline) -> Result<u64, ActorError> {
        Ok(self.0.everywhere(Deliver(delivery), deadline).await?.into_iter().sum())
    }
}

/// Invalidates copies in the memory of all nodes. Cheap to clone.
#[derive(Clone)]
pub struct Invalidation(NodeService<Outdated>);

impl Invalidation {
    /// Serves invalidations on this node by its caches.
    pub fn new(node: Arc<ClusterNode>, caches: Arc<dyn CacheInvalidation>) -> Self {
        Self(NodeService::new(node, "caches", move |outdated: Outdated, _| {
            let dropped: u64 = outdated.posts.iter().map(|post_id| caches.post_changed(*post_id)).sum();
            outdated.users.iter().for_each(|user_id| caches.user_changed(*user_id));
            outdated.sessions.iter().for_each(|token| caches.session_ended(token));
            std::future::ready(Ok::<u64, AskError>(dropped))
        }))
    }

    /// Invalidates everywhere; gives how many copies of posts there were.
    ///
    /// # Errors
    /// Where a node did not answer.
    pub async fn everywhere(&self, outdated: Outdated, deadline: Deadline) -> Result<u64, ActorError> {
        Ok(self.0.everywhere(outdated, deadline).await?.into_iter().sum())
    }
}
