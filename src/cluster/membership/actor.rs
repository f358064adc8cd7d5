//! The keeper under supervision: an actor that runs its loop, and fails when the loop does.

use super::keeper::{ClusterKeeper, Shared};
use crate::ChildSpec;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;
use tokio::task::JoinHandle;

struct KeeperActor;

struct LoopEnded(String);

impl ractor::Message for LoopEnded {}

impl Actor for KeeperActor {
    type Msg = LoopEnded;
    type State = JoinHandle<()>;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<LoopEnded>,
        shared: Arc<Shared>,
    ) -> Result<JoinHandle<()>, ActorProcessingErr> {
        Ok(tokio::spawn(async move {
            // In a task of its own, so that a panic in it is heard of.
            match tokio::spawn(shared.run()).await {
                Ok(()) => myself.stop(None),
                Err(error) => drop(myself.cast(LoopEnded(error.to_string()))),
            }
        }))
    }

    async fn handle(
        &self,
        _: ActorRef<LoopEnded>,
        LoopEnded(reason): LoopEnded,
        _: &mut JoinHandle<()>,
    ) -> Result<(), ActorProcessingErr> {
        Err(reason.into())
    }

    async fn post_stop(&self, _: ActorRef<LoopEnded>, task: &mut JoinHandle<()>) -> Result<(), ActorProcessingErr> {
        task.abort();
        Ok(())
    }
}

impl ClusterKeeper {
    /// The loop that keeps the membership, for a supervisor. It goes on where it was when it is restarted.
    pub fn child_spec(&self) -> ChildSpec {
        let shared = self.0.clone();
        ChildSpec::new("membership", move |parent| {
            let shared = shared.clone();
            async move { Ok(Actor::spawn_linked(None, KeeperActor, shared, parent).await?.0.get_cell()) }
        })
    }
}
