//! What a region is made of: its slots, and the account of what lives in them.

use super::{
    context::{EntityMessage, Envelope},
    entity::{Entity, EntityKey},
    mailbox::Mailbox,
    settings::{RegionSettings, Spread},
};
use crate::{AskError, ClusterNode, Deadline, SHARDS, ShardId};
use parking_lot::Mutex;
use ractor::{ActorCell, ActorId, ActorRef, ActorStatus};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

/// An entity that is in memory.
pub(super) struct Activation<E: Entity> {
    /// Tells actors of one entity apart.
    pub(super) number: u64,
    pub(super) actor: ActorRef<EntityMessage<E>>,
    pub(super) mailbox: Arc<Mailbox>,
}

/// The entities of one shard.
pub(super) struct Slot<E: Entity> {
    pub(super) entities: HashMap<E::Key, Activation<E>>,
    pub(super) supervisor: Option<ActorCell>,
}

/// What happened since the start.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) activations: AtomicU64,
    pub(super) passivations: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) refused: AtomicU64,
}

pub(super) struct RegionState<E: Entity> {
    pub(super) args: Arc<E::Args>,
    pub(super) settings: RegionSettings,
    pub(super) node: Arc<ClusterNode>,
    pub(super) spread: Spread,
    pub(super) slots: Vec<Mutex<Slot<E>>>,
    /// Whose children the shard supervisors are.
    pub(super) parent: ActorCell,
    pub(super) draining: AtomicBool,
    pub(super) heap_bytes: AtomicUsize,
    pub(super) tally: Tally,
    started: Instant,
}

/// Why a call was not taken.
pub(super) enum CastError<E: Entity> {
    Overloaded,
    Gone(Envelope<E>),
}

impl<E: Entity> RegionState<E> {
    pub(super) fn new(
        args: Arc<E::Args>,
        settings: RegionSettings,
        node: Arc<ClusterNode>,
        spread: Spread,
        parent: ActorCell,
    ) -> Self {
        let slot = || Mutex::new(Slot { entities: HashMap::new(), supervisor: None });
        Self {
            args,
            settings,
            node,
            spread,
            slots: (0..SHARDS).map(|_| slot()).collect(),
            parent,
            draining: AtomicBool::new(false),
            heap_bytes: AtomicUsize::new(0),
            tally: Tally::default(),
            started: Instant::now(),
        }
    }

    pub(super) fn slot(&self, key: E::Key) -> &Mutex<Slot<E>> {
        &self.slots[usize::from(ShardId::of_hash(key.stable_hash()).0)]
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub(super) fn overloaded(&self) -> AskError {
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
        AskError::Overloaded { kind: E::KIND }
    }

    /// Called under the slot's lock, so that a permit is never taken of an entity being removed.
    pub(super) fn cast(
        &self,
        activation: &Activation<E>,
        deadline: Option<Deadline>,
        envelope: Envelope<E>,
    ) -> Result<(), CastError<E>> {
        if activation.mailbox.waiting() >= self.settings.mailbox_capacity {
            return Err(CastError::Overloaded);
        }
        let permit = activation.mailbox.take_place(self.now_ms());
        match activation.actor.cast(EntityMessage::FromCaller { envelope, deadline, permit }) {
            Ok(()) => Ok(()),
            Err(ractor::MessagingErr::SendErr(EntityMessage::FromCaller { envelope, .. })) => {
                Err(CastError::Gone(envelope))
            }
            // ractor gives a message back with SendErr only; the other errors come from its own calls.
            Err(_) => Err(CastError::Overloaded),
        }
    }

    /// Takes an entity out if no message waits for it. Only then may its actor stop.
    pub(super) fn remove_if_idle(&self, key: E::Key, mailbox: &Arc<Mailbox>) -> bool {
        let mut slot = self.slot(key).lock();
        let is_this = slot.entities.get(&key).is_some_and(|activation| Arc::ptr_eq(&activation.mailbox, mailbox));
        if is_this && mailbox.waiting() > 0 {
            return false;
        }
        if is_this {
            slot.entities.remove(&key);
        }
        self.tally.passivations.fetch_add(1, Ordering::Relaxed);
        self.close_account(mailbox);
        true
    }

    /// Moves the region's byte count by what one entity's changed, unless the entity was taken out.
    pub(super) fn account(&self, mailbox: &Mailbox, heap_bytes: usize) {
        if let Some(before) = mailbox.account(heap_bytes) {
            self.heap_bytes.fetch_add(heap_bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    pub(super) fn discard(&self, activation: &Activation<E>) {
        activation.actor.kill();
        self.close_account(&activation.mailbox);
    }

    /// Ends the accounting of an entity that was taken out of its slot.
    pub(super) fn close_account(&self, mailbox: &Mailbox) {
        if let Some(before) = mailbox.take_out() {
            self.heap_bytes.fetch_sub(before, Ordering::Relaxed);
        }
    }

    pub(super) fn count_restart(&self) {
        self.tally.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_expired(&self) {
        self.tally.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn forget(&self, shard: usize, id: ActorId) {
        let mut slot = self.slots[shard].lock();
        let gone = slot.entities.extract_if(|_, activation| activation.actor.get_id() == id);
        gone.for_each(|(_, activation)| self.close_account(&activation.mailbox));
    }

    /// Lets go of entities whose actor ended without its supervisor hearing of it, as one that panicked in its
    /// activation or ended together with the tree.
    pub(super) fn forget_dead(&self, slot: &mut Slot<E>) {
        let dead = slot.entities.extract_if(|_, activation| activation.actor.get_status() >= ActorStatus::Stopping);
        dead.for_each(|(_, activation)| self.close_account(&activation.mailbox));
    }

    /// Looks at an entity that is in memory, under its slot's lock.
    pub(super) fn look<T>(&self, key: E::Key, look: impl FnOnce(&Activation<E>) -> T) -> Option<T> {
        self.slot(key).lock().entities.get(&key).map(look)
    }

    /// A shard's supervisor gives up and takes its entities along. Gives it, and how many they were.
    pub(super) fn forget_supervisor(&self, shard: usize) -> (Option<ActorCell>, usize) {
        let mut slot = self.slots[shard].lock();
        let discarded = slot.entities.drain().map(|(_, activation)| self.discard(&activation)).count();
        (slot.supervisor.take(), discarded)
    }
}
