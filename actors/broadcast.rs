//! What every node of the cluster hears of, not only the owner of an entity: deliveries to resident timelines, and
//! copies that are out of date.
//!
//! One message per node, however many of its users are meant.

use crate::{
    ActorError,
    fanout::{CacheInvalidation, Delivery, FanoutRef},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tessera_cluster::{AskError, Call, ClusterNode, Deadline, NodeService};
use tessera_domain::{PostId, UserId};
use tessera_ports::ledger::TokenHash;

/// Names copies in a node's memory that are out of date; answered with how many copies of posts there were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outdated {
    /// Posts that were edited or deleted.
    pub posts: Vec<PostId>,
    /// Accounts whose profile changed.
    pub users: Vec<UserId>,
    pub sessions: Vec<TokenHash>,
}

impl Outdated {
    pub fn post(post_id: PostId) -> Self {
        Self { posts: vec![post_id], ..Self::default() }
    }

    pub fn users(user_ids: &[UserId]) -> Self {
        Self { users: user_ids.to_vec(), ..Self::default() }
    }

    pub fn session(token: TokenHash) -> Self {
        Self { sessions: vec![token], ..Self::default() }
    }
}

impl Call for Outdated {
    type Answer = u64;

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Fan-out to the resident timelines of all nodes (docs/functions.md, section 3). Cheap to clone.
#[derive(Clone)]
pub struct ClusterFanout(NodeService<Delivery>);

impl ClusterFanout {
    /// Serves deliveries on this node by its lanes.
    pub fn new(node: Arc<ClusterNode>, lanes: FanoutRef) -> Self {
        Self(NodeService::new(node, "fanout", move |delivery: Delivery, deadline| {
            let lanes = lanes.clone();
            async move { lanes.deliver(delivery, deadline).await }
        }))
    }

    /// Delivers everywhere; gives how many timelines were reached.
    ///
    /// # Errors
    /// Where a node that may hold timelines did not answer. The others have it, and drop what comes twice.
    pub async fn deliver(&self, delivery: Delivery, deadline: Deadline) -> Result<u64, ActorError> {
        Ok(self.0.everywhere(delivery, deadline).await?.into_iter().sum())
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
