//! An entity's view of its own runtime, and what travels in its mailbox.

use super::{
    entity::{Entity, Handle},
    mailbox::{Mailbox, Permit},
    reply::Reply,
    settings::EntitySabotage,
};
use crate::{Call, Deadline};
use ractor::ActorRef;
use std::{sync::Arc, time::Duration};

/// An entity's view of its own runtime.
pub struct EntityContext<E: Entity> {
    pub(super) key: E::Key,
    pub(super) myself: ActorRef<EntityMessage<E>>,
    pub(super) mailbox: Arc<Mailbox>,
    /// Grows with every activation of this actor; results of older activations are dropped.
    pub(super) activation: u64,
}

impl<E: Entity> EntityContext<E> {
    /// Which entity this is.
    pub fn key(&self) -> E::Key {
        self.key
    }

    /// Runs `work` outside the mailbox and hands its result back as an event.
    ///
    /// The work is bounded by what the entity starts: it keeps at most a few under way. Work that panics
    /// sends nothing back; `work` therefore carries its own time limit and turns failures into events.
    pub fn spawn<F>(&self, work: F)
    where
        F: Future<Output = E::Event> + Send + 'static,
    {
        let (myself, activation) = (self.myself.clone(), self.activation);
        tokio::spawn(async move {
            let event = work.await;
            // The entity may be gone by now; then nobody waits for the result.
            let _ = myself.cast(EntityMessage::Internal { event, activation });
        });
    }

    /// Tells itself of `event` after `delay`.
    pub fn after(&self, delay: Duration, event: E::Event)
    where
        E::Event: Sync,
    {
        self.spawn(async move {
            tokio::time::sleep(delay).await;
            event
        });
    }

    /// Asks to leave memory, as after a finished save. Refused where messages are waiting.
    pub fn passivate(&self) {
        let _ = self.myself.cast(EntityMessage::Passivate);
    }

    /// How many messages wait in the mailbox, the one being handled included.
    pub fn waiting(&self) -> usize {
        self.mailbox.waiting()
    }
}

/// A call on its way through a mailbox, whichever it is: opened by the entity that it is for.
pub(super) struct Envelope<E: Entity>(Box<Open<E>>);

type Open<E> = dyn FnOnce(&mut E, &EntityContext<E>) + Send;

impl<E: Entity> Envelope<E> {
    pub(super) fn new<C: Call>(call: C, reply: Reply<C::Answer>) -> Self
    where
        E: Handle<C>,
    {
        Self(Box::new(move |entity, context| entity.handle(call, reply, context)))
    }

    pub(super) fn open(self, entity: &mut E, context: &EntityContext<E>) {
        (self.0)(entity, context);
    }
}

/// What travels in an entity's mailbox.
pub(super) enum EntityMessage<E: Entity> {
    /// From a caller; counted against the mailbox's bound until it was handled.
    FromCaller { envelope: Envelope<E>, deadline: Option<Deadline>, permit: Permit },
    /// The result of work that the entity started.
    Internal { event: E::Event, activation: u64 },
    /// Leave memory if you can.
    Passivate,
    /// Go wrong (chaos tests), in a place of the mailbox where there is one.
    Sabotage { how: EntitySabotage, permit: Option<Permit> },
}

impl<E: Entity> ractor::Message for EntityMessage<E> {}
