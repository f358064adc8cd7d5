//! How an entity comes into memory.

use super::{
    actor::EntityActor,
    entity::Entity,
    mailbox::Mailbox,
    shard_supervisor::ShardSupervisor,
    state::{Activation, RegionState, Slot},
};
use crate::AskError;
use ractor::{ActorCell, ActorRuntime, SpawnErr};
use std::sync::{Arc, atomic::Ordering};

impl<E: Entity> RegionState<E> {
    /// Activates an entity under its slot's lock.
    pub(super) fn activate(
        self: &Arc<Self>,
        slot: &mut Slot<E>,
        shard: usize,
        key: E::Key,
    ) -> Result<Activation<E>, AskError> {
        if self.draining.load(Ordering::Acquire) {
            return Err(AskError::Draining { kind: E::KIND });
        }
        if self.heap_bytes.load(Ordering::Relaxed) > self.settings.memory_budget_bytes.saturating_mul(2) {
            return Err(self.overloaded());
        }
        let failed = |error| {
            tracing::error!(kind = E::KIND, ?key, %error, "cannot activate an entity");
            AskError::Restarted { kind: E::KIND }
        };
        let supervisor = self.supervisor(slot, shard).map_err(failed)?;
        let mailbox = Mailbox::new(self.now_ms());
        let handler = EntityActor { region: self.clone(), mailbox: mailbox.clone() };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, handler, key, supervisor).map_err(failed)?;
        let number = self.tally.activations.fetch_add(1, Ordering::Relaxed);
        Ok(Activation { number, actor, mailbox })
    }

    /// The shard's supervisor, made on demand.
    fn supervisor(self: &Arc<Self>, slot: &mut Slot<E>, shard: usize) -> Result<ActorCell, SpawnErr> {
        if let Some(supervisor) = &slot.supervisor {
            return Ok(supervisor.clone());
        }
        let intensity = self.settings.shard_restarts;
        let handler = ShardSupervisor::<E> { region: Arc::downgrade(self), shard, intensity };
        let (supervisor, _) = ActorRuntime::spawn_linked_instant(None, handler, (), self.parent.clone())?;
        Ok(slot.supervisor.insert(supervisor.get_cell()).clone())
    }
}
