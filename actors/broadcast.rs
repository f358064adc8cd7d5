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

/// Names copies of the graph in a node's memory that are out of date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutdatedGraph {
    /// Whose follows, mutes or blocks either way changed.
    pub relations: Vec<UserId>,
    /// Authors whose posts are pulled, and who have a new one.
    pub newest_posts: Vec<UserId>,
    /// Whether some author's posts are pulled from now on, or no longer.
    pub celebrities: bool,
}

impl OutdatedGraph {
    pub fn relations(user_ids: &[UserId]) -> Self {
        Self { relations: user_ids.to_vec(), ..Self::default() }
    }

    pub fn newest_posts(author_id: UserId) -> Self {
        Self { newest_posts: vec![author_id], ..Self::default() }
    }

    pub fn celebrity(author_id: UserId) -> Self {
        Self { newest_posts: vec![author_id], celebrities: true, ..Self::default() }
    }
}

impl Call for OutdatedGraph {
    type Answer = ();

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
pub struct Invalidation {
    node: Arc<ClusterNode>,
    copies: NodeService<Outdated>,
    graph: NodeService<OutdatedGraph>,
}

impl Invalidation {
    /// Serves invalidations on this node by its caches.
    pub fn new(node: Arc<ClusterNode>, caches: Arc<dyn CacheInvalidation>) -> Self {
        let of_graph = caches.clone();
        let copies = NodeService::new(node.clone(), "caches", move |outdated: Outdated, _| {
            let dropped: u64 = outdated.posts.iter().map(|post_id| caches.post_changed(*post_id)).sum();
            outdated.users.iter().for_each(|user_id| caches.user_changed(*user_id));
            outdated.sessions.iter().for_each(|token| caches.session_ended(token));
            std::future::ready(Ok::<u64, AskError>(dropped))
        });
        let graph = NodeService::new(node.clone(), "caches of the graph", move |outdated: OutdatedGraph, _| {
            outdated.relations.iter().for_each(|user_id| of_graph.relations_changed(*user_id));
            outdated.newest_posts.iter().for_each(|author_id| of_graph.newest_posts_changed(*author_id));
            if outdated.celebrities {
                of_graph.celebrities_changed();
            }
            std::future::ready(Ok::<(), AskError>(()))
        });
        Self { node, copies, graph }
    }

    /// Invalidates everywhere; gives how many copies of posts there were.
    ///
    /// # Errors
    /// Where a node did not answer.
    pub async fn everywhere(&self, outdated: Outdated, deadline: Deadline) -> Result<u64, ActorError> {
        Ok(self.copies.everywhere(outdated, deadline).await?.into_iter().sum())
    }

    /// Invalidates copies of the graph everywhere. A node of a version that keeps none has nothing to drop.
    ///
    /// # Errors
    /// Where a node did not answer.
    pub async fn graph_everywhere(&self, outdated: OutdatedGraph, deadline: Deadline) -> Result<(), ActorError> {
        Ok(self.graph.everywhere_known(outdated, deadline).await.map(drop)?)
    }

    /// Makes sure that this node knows of every node that may have read what was committed before the call.
    ///
    /// # Errors
    /// Where the membership cannot be read in time.
    pub async fn confirm_nodes(&self, deadline: Deadline) -> Result<(), ActorError> {
        Ok(self.node.confirm_view(deadline).await?)
    }
}
