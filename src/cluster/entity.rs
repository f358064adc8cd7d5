//! What an entity is, and what it may do while it handles a message.

use crate::{call::Call, entity_actor::EntityMessage, region::EntityShared};
use ractor::ActorRef;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::{self, Debug},
    future::Future,
    hash::Hash,
    sync::Arc,
};
use tokio::sync::oneshot;

/// A key that names an entity within its kind.
pub trait EntityKey: Copy + Eq + Hash + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// A hash that is the same on every node and in every version: it decides the shard.
    fn stable_hash(&self) -> u64;
}

/// What an entity answers when it is asked to leave memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passivation {
    /// It has nothing to save: it may go at once.
    Ready,
    /// It has begun to save its state and calls [`EntityContext::passivate`] again once that is done.
    Saving,
    /// It is in use (say, loading) and stays for now.
    Busy,
}

/// A virtual actor: activated by its first message, gone when idle, remade from durable state.
///
/// Handlers are synchronous on purpose: slow work goes to [`EntityContext::spawn`] and comes back as a
/// event, so that a mailbox never waits for I/O. A panic in a handler ends that message alone: the
/// caller gets [`crate::AskError::Restarted`], the entity is activated anew from durable state, and the rest of
/// its mailbox is served by the new one. What an entity registers elsewhere it lets go in `Drop`: that runs
/// however it ends.
pub trait Entity: Sized + Send + 'static {
    /// Names one of these.
    type Key: EntityKey;
    /// What it tells itself: how its own work ended, that a timer is up.
    type Event: Send + 'static;
    /// What all of them share: stores, settings.
    type Args: Send + Sync + 'static;

    /// The kind's name, for metrics, logs and errors.
    const KIND: &'static str;

    /// Makes the entity, cheaply; state is loaded by [`EntityContext::spawn`].
    fn activate(key: Self::Key, args: &Arc<Self::Args>, context: &EntityContext<Self>) -> Self;

    /// Takes notice of one event.
    fn on_event(&mut self, event: Self::Event, context: &EntityContext<Self>);

    /// Asked to leave memory. The entity goes only if no message arrived in between.
    fn passivate(&mut self, context: &EntityContext<Self>) -> Passivation;

    /// Bytes it holds on the heap, about; counted against the region's budget.
    fn heap_bytes(&self) -> usize;
}

/// An entity that can be asked `C`.
pub trait Handle<C: Call>: Entity {
    /// Handles one call. The answer may be given at once or later; a reply that is dropped says that there is none.
    fn handle(&mut self, call: C, reply: Reply<C::Answer>, context: &EntityContext<Self>);
}

/// An entity's view of its own runtime.
pub struct EntityContext<E: Entity> {
    pub(crate) key: E::Key,
    pub(crate) myself: ActorRef<EntityMessage<E>>,
    pub(crate) shared: Arc<EntityShared>,
    /// Grows with every activation of this actor; results of older activations are dropped.
    pub(crate) activation: u64,
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
    pub fn after(&self, delay: std::time::Duration, event: E::Event)
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
        self.shared.waiting()
    }
}

/// Where an answer goes. Dropping it unanswered tells the caller that the entity restarted.
pub struct Reply<T>(ReplyTo<T>);

enum ReplyTo<T> {
    Here(oneshot::Sender<T>),
    /// Encodes the answer and hands it to the link; what it holds says `Restarted` when it is dropped.
    Elsewhere(Box<dyn FnOnce(T) + Send + Sync>),
}

impl<T> Reply<T> {
    /// Answers. A caller that no longer waits is no error.
    pub fn send(self, answer: T) {
        match self.0 {
            ReplyTo::Here(sender) => {
                let _ = sender.send(answer);
            }
            ReplyTo::Elsewhere(give) => give(answer),
        }
    }

    /// Whether the caller is known to have given up waiting.
    pub fn is_abandoned(&self) -> bool {
        match &self.0 {
            ReplyTo::Here(sender) => sender.is_closed(),
            ReplyTo::Elsewhere(_) => false,
        }
    }

    /// A reply port and the receiver of its answer: for tests and for actors that ask each other directly.
    pub fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(ReplyTo::Here(sender)), receiver)
    }

    /// A reply port whose answer goes to `give`.
    pub(crate) fn elsewhere(give: impl FnOnce(T) + Send + Sync + 'static) -> Self {
        Self(ReplyTo::Elsewhere(Box::new(give)))
    }

    /// A reply port whose answer nobody waits for.
    pub(crate) fn nobody() -> Self {
        Self::elsewhere(|_| ())
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
