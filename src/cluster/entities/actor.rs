//! The ractor actor that drives one entity.

use super::{
    context::{EntityContext, EntityMessage},
    entity::{Entity, Passivation},
    intensity::IntensityMeter,
    mailbox::Mailbox,
    settings::EntitySabotage,
    state::RegionState,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

pub(super) struct EntityActor<E: Entity> {
    pub(super) region: Arc<RegionState<E>>,
    pub(super) mailbox: Arc<Mailbox>,
}

pub(super) struct EntityState<E: Entity> {
    /// `None` only while a panicked entity is being replaced.
    entity: Option<E>,
    context: EntityContext<E>,
    meter: IntensityMeter,
    /// A sabotage makes every step panic until then.
    panics_until: Option<Instant>,
}

impl<E: Entity> Actor for EntityActor<E> {
    type Msg = EntityMessage<E>;
    type State = EntityState<E>;
    type Arguments = E::Key;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, key: E::Key) -> Result<Self::State, ActorProcessingErr> {
        let context = EntityContext { key, myself, mailbox: self.mailbox.clone(), activation: 0 };
        let entity = E::activate(key, &self.region.args, &context);
        self.region.account(&self.mailbox, entity.heap_bytes());
        Ok(EntityState {
            entity: Some(entity),
            context,
            meter: IntensityMeter::new(self.region.settings.entity_restarts),
            panics_until: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            EntityMessage::FromCaller { envelope, deadline, permit } => {
                // Work past its deadline is dropped unserved: its caller has gone.
                if deadline.is_none_or(|deadline| !deadline.has_passed()) {
                    self.guarded(state, |entity, context| envelope.open(entity, context))?;
                } else {
                    self.region.count_expired();
                }
                drop(permit);
            }
            EntityMessage::Internal { event, activation } => {
                if activation == state.context.activation {
                    self.guarded(state, |entity, context| entity.on_event(event, context))?;
                }
            }
            EntityMessage::Passivate => {
                let mut answer = Passivation::Busy;
                self.guarded(state, |entity, context| answer = entity.passivate(context))?;
                if answer == Passivation::Ready && self.region.remove_if_idle(state.context.key, &self.mailbox) {
                    myself.stop(None);
                }
            }
            EntityMessage::Sabotage { how, permit } => {
                match how {
                    EntitySabotage::Crash => self.guarded(state, |_, _| panic!("killed by request"))?,
                    EntitySabotage::Panic(lasting) => state.panics_until = Some(Instant::now() + lasting),
                    EntitySabotage::Hang(lasting) | EntitySabotage::Flood(lasting) => {
                        tokio::time::sleep(lasting).await;
                    }
                }
                drop(permit);
            }
        }
        self.mailbox.count_handled();
        self.region.account(&self.mailbox, state.entity.as_ref().map_or(0, E::heap_bytes));
        Ok(())
    }
}

impl<E: Entity> EntityActor<E> {
    /// Runs `step`; when it panics, activates the entity anew in place, within its restart intensity.
    fn guarded(
        &self,
        state: &mut EntityState<E>,
        step: impl FnOnce(&mut E, &EntityContext<E>),
    ) -> Result<(), ActorProcessingErr> {
        let Some(entity) = state.entity.as_mut() else { return Ok(()) };
        let panics = state.panics_until.is_some_and(|until| Instant::now() < until);
        let result = catch_unwind(AssertUnwindSafe(|| {
            assert!(!panics, "sabotaged by request");
            step(entity, &state.context);
        }));
        let Err(panic) = result else { return Ok(()) };
        let reason = panic_text(panic.as_ref());
        self.region.count_restart();
        tracing::error!(kind = E::KIND, key = ?state.context.key, reason, "a handler panicked; restarting the entity");
        // Dropped before its successor is made, because it holds registrations that the successor makes anew;
        // and the old state is suspect: a second panic while it lets go must not take the actor along.
        let old = state.entity.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        if !state.meter.allow(Instant::now()) {
            return Err(format!("{} {:?} restarted too often, last for: {reason}", E::KIND, state.context.key).into());
        }
        state.context.activation += 1;
        state.entity = Some(E::activate(state.context.key, &self.region.args, &state.context));
        Ok(())
    }
}

/// The text of a panic, as far as it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a message".to_owned())
}
