//! What happens when shards move: the old owner lets go of them, and the new one waits for that.

use super::{
    call::{Call, HAND_OVER_METHOD, RemoteCall},
    deadline::Deadline,
    error::AskError,
    node::ClusterNode,
    placement::HAND_OVER_LIMIT,
    shard_set::ShardSet,
    view::View,
};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// How long an old owner tries to save what it holds, after a change of the map.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);

/// A region as the node sees it when shards move.
pub(crate) trait HandsOver: Send + Sync + 'static {
    /// Asks the entities of these shards to save themselves and leave until `deadline`; gives how many stayed.
    fn release(&self, shards: ShardSet, deadline: Deadline) -> BoxFuture<'static, usize>;

    /// Makes all entities forget their state, unsaved.
    fn abandon(&self);
}

/// Asks a node to let go of shards that the sender owns as of `epoch`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct HandOver {
    epoch: u64,
    shards: ShardSet,
}

impl Call for HandOver {
    type Answer = u64;

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl RemoteCall for HandOver {
    const METHOD: u16 = HAND_OVER_METHOD;
}

/// Lets other nodes ask `node` for its shards.
pub(super) fn serve(node: &Arc<ClusterNode>) {
    let weak = Arc::downgrade(node);
    node.serve_node_call(move |call: HandOver, deadline| hand_over(weak.clone(), call, deadline));
}

async fn hand_over(node: Weak<ClusterNode>, call: HandOver, deadline: Deadline) -> Result<u64, AskError> {
    let Some(node) = node.upgrade() else { return Err(AskError::Draining { kind: "node" }) };
    // As long as this node still believes to own them it would take new messages for them.
    node.placement.wait_epoch(call.epoch, deadline).await;
    Ok(node.release(call.shards, deadline).await as u64)
}

impl ClusterNode {
    /// Puts a newer view into force: lets go of what moved away and asks for what moved here.
    pub fn install(self: &Arc<Self>, view: View) {
        let epoch = view.epoch();
        let is_anew = view.this != self.view().this;
        let moves = self.placement.install(view);
        if is_anew {
            // What was activated while the old view was still in force belongs to others.
            self.abandon_entities();
        }
        if !moves.departing.is_empty() {
            let node = self.clone();
            tokio::spawn(async move { node.release(moves.departing, Deadline::after(RELEASE_LIMIT)).await });
        }
        for (owner, shards) in moves.arriving {
            let node = self.clone();
            tokio::spawn(async move {
                let call = HandOver { epoch, shards };
                let deadline = Deadline::after(HAND_OVER_LIMIT);
                match node.call_node(&owner, &call, deadline).await {
                    Ok(left) => tracing::debug!(%owner, epoch, left, "shards were handed over"),
                    Err(error) => tracing::warn!(%owner, epoch, %error, "shards are taken over without a hand-over"),
                }
                node.placement.arrived(&shards, epoch);
            });
        }
    }

    /// Forgets the state of every entity, unsaved: others own them by now.
    pub fn abandon_entities(&self) {
        self.regions.read().iter().for_each(|region| region.abandon());
    }

    async fn release(&self, shards: ShardSet, deadline: Deadline) -> usize {
        let regions = self.regions.read().clone();
        let left = futures::future::join_all(regions.iter().map(|region| region.release(shards, deadline))).await;
        left.into_iter().sum()
    }

    pub(crate) fn add_region(&self, region: Arc<dyn HandsOver>) {
        self.regions.write().push(region);
    }
}
