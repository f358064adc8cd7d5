//! Walks the regions round and round, so that idle entities leave memory and budgets hold.

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use std::{sync::Arc, time::Duration};
use tessera_cluster::SHARDS;

/// One step of the walk.
const STEP_INTERVAL: Duration = Duration::from_millis(100);
/// Shards looked at per step: a round takes 6.4 seconds.
const SHARDS_PER_STEP: usize = 16;

/// Sweeps so many shards of one region from a first one on (`Region::sweep`).
pub type SweepRegion = Arc<dyn Fn(usize, usize) + Send + Sync>;

pub struct Sweeper;

/// The sweeper's only message: take a step.
#[derive(Debug)]
pub struct TakeStep;

impl ractor::Message for TakeStep {}

pub struct SweeperState {
    regions: Vec<SweepRegion>,
    next_shard: usize,
}

impl Sweeper {
    /// Starts sweeping `regions` below `supervisor`.
    pub async fn start(regions: Vec<SweepRegion>, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
        let (sweeper, _) = Actor::spawn_linked(None, Sweeper, regions, supervisor).await?;
        sweeper.send_interval(STEP_INTERVAL, || TakeStep);
        Ok(sweeper.get_cell())
    }
}

impl Actor for Sweeper {
    type Msg = TakeStep;
    type State = SweeperState;
    type Arguments = Vec<SweepRegion>;

    async fn pre_start(
        &self,
        _: ActorRef<TakeStep>,
        regions: Vec<SweepRegion>,
    ) -> Result<SweeperState, ActorProcessingErr> {
        Ok(SweeperState { regions, next_shard: 0 })
    }

    async fn handle(
        &self,
        _: ActorRef<TakeStep>,
        TakeStep: TakeStep,
        state: &mut SweeperState,
    ) -> Result<(), ActorProcessingErr> {
        for sweep in &state.regions {
            sweep(state.next_shard, SHARDS_PER_STEP);
        }
        state.next_shard = (state.next_shard + SHARDS_PER_STEP) % usize::from(SHARDS);
        Ok(())
    }
}
