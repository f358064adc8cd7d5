//! One supervisor per shard: it hears of entities that died and makes their region forget them.
//!
//! Linking takes a lock inside ractor that all links share; many small supervisors keep it short.

use super::{
    entity::Entity,
    intensity::{IntensityMeter, RestartIntensity},
    state::RegionState,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{sync::Weak, time::Instant};

pub(super) struct ShardSupervisor<E: Entity> {
    /// Weak, because the region holds its supervisors.
    pub(super) region: Weak<RegionState<E>>,
    pub(super) shard: usize,
    pub(super) intensity: RestartIntensity,
}

impl<E: Entity> Actor for ShardSupervisor<E> {
    type Msg = ();
    type State = IntensityMeter;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<IntensityMeter, ActorProcessingErr> {
        Ok(IntensityMeter::new(self.intensity))
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        meter: &mut IntensityMeter,
    ) -> Result<(), ActorProcessingErr> {
        let Some(region) = self.region.upgrade() else { return Ok(()) };
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                region.forget(self.shard, cell.get_id());
                tracing::error!(kind = E::KIND, shard = self.shard, %error, "an entity failed; it restarts on its next message");
                if !meter.allow(Instant::now()) {
                    // Here, because ractor runs no `post_stop` after a failure: the next message must find a new
                    // supervisor, not this one, under which nothing starts any more.
                    region.forget_supervisor(self.shard);
                    return Err(format!(
                        "shard {} of {}: too many entities failed, last: {error}",
                        self.shard,
                        E::KIND
                    )
                    .into());
                }
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => region.forget(self.shard, cell.get_id()),
            _ => {}
        }
        Ok(())
    }
}
