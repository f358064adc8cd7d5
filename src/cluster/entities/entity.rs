//! What an entity is, and what it may do while it handles a message.

use super::{context::EntityContext, reply::Reply};
use crate::Call;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash, sync::Arc};

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
