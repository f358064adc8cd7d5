//! A region: all entities of one kind that are active on this node.
//!
//! A send locks one of 1,024 slots for a look-up, takes a permit of the entity's bounded mailbox and
//! casts. Nothing is serialised. An entity leaves memory in three steps that lose no message: it is asked to
//! passivate, it saves its state, and it is removed under the slot's lock only while no permit is out.

use crate::{
    call::Call,
    deadline::Deadline,
    entity::{Entity, EntityKey, Handle, Reply},
    entity_actor::{EntityActor, EntityMessage, Envelope},
    error::AskError,
    node::{ClusterNode, HandsOver},
    placement::ShardSet,
    region_settings::{RegionSettings, RegionStats, Spread},
    shard_map::{SHARDS, ShardId},
    shard_supervisor::ShardSupervisor,
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use ractor::{ActorCell, ActorId, ActorRef, ActorRuntime, ActorStatus};
use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How often it is counted who has not left yet.
const LEAVE_ROUND: Duration = Duration::from_millis(20);
/// Every so many rounds those who stay are asked again.
const LEAVE_ROUNDS_PER_QUESTION: u32 = 5;
/// Stands in an entity's byte count once it was taken out of its slot.
const TAKEN_OUT: usize = usize::MAX;

/// What the region and one entity's actor share.
#[derive(Debug)]
pub(crate) struct EntityShared {
    waiting: AtomicUsize,
    heap_bytes: AtomicUsize,
    last_used_ms: AtomicU64,
    /// Tells actors of one entity apart.
    pub(crate) activation: u64,
    /// Messages that were handled.
    pub(crate) handled: AtomicU64,
}

impl EntityShared {
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

/// A place in a mailbox, given back when the message was handled or lost.
pub(crate) struct Permit(Arc<EntityShared>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Permit {
    pub(crate) fn take(shared: &Arc<EntityShared>) -> Self {
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        Self(shared.clone())
    }
}

pub(crate) struct Activation<E: Entity> {
    pub(crate) actor: ActorRef<EntityMessage<E>>,
    pub(crate) shared: Arc<EntityShared>,
}

struct Slot<E: Entity> {
    entities: HashMap<E::Key, Activation<E>>,
    supervisor: Option<ActorCell>,
}

pub(crate) struct RegionInner<E: Entity> {
    pub(crate) args: Arc<E::Args>,
    pub(crate) settings: RegionSettings,
    pub(crate) node: Arc<ClusterNode>,
    pub(crate) spread: Spread,
    slots: Vec<Mutex<Slot<E>>>,
    parent: ActorCell,
    myself: OnceLock<std::sync::Weak<RegionInner<E>>>,
    started: Instant,
    draining: AtomicBool,
    heap_bytes: AtomicUsize,
    activations: AtomicU64,
    passivations: AtomicU64,
    restarts: AtomicU64,
    expired: AtomicU64,
    refused: AtomicU64,
}

/// The entities of kind `E` on this node. Cheap to clone.
pub struct Region<E: Entity>(pub(crate) Arc<RegionInner<E>>);

impl<E: Entity> Clone for Region<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Entity> Region<E> {
    /// A region without entities, whose shard supervisors are children of `parent`. Where its entities are spread
    /// over the nodes it hands over those of shards that move away.
    pub fn new(
        args: Arc<E::Args>,
        settings: RegionSettings,
        node: Arc<ClusterNode>,
        spread: Spread,
        parent: ActorCell,
    ) -> Self {
        let slot = || Mutex::new(Slot { entities: HashMap::new(), supervisor: None });
        let inner = Arc::new(RegionInner {
            args,
            settings,
            node: node.clone(),
            spread,
            slots: (0..SHARDS).map(|_| slot()).collect(),
            parent,
            myself: OnceLock::new(),
            started: Instant::now(),
            draining: AtomicBool::new(false),
            heap_bytes: AtomicUsize::new(0),
            activations: AtomicU64::new(0),
            passivations: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        // Set once, right here, before anybody else can see the region.
        let _ = inner.myself.set(Arc::downgrade(&inner));
        let region = Self(inner);
        node.add_region(Arc::new(region.clone()));
        region
    }

    /// Asks an entity of this node, activating it if need be, and waits for the answer until `deadline`.
    pub async fn ask<C: Call>(&self, key: E::Key, deadline: Deadline, call: C) -> Result<C::Answer, AskError>
    where
        E: Handle<C>,
    {
        let (reply, receiver) = Reply::channel();
        self.send(key, Some(deadline), Envelope::new(call, reply))?;
        match tokio::time::timeout_at(deadline.instant().into(), receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) if deadline.has_passed() => Err(AskError::Expired { kind: E::KIND }),
            Ok(Err(_)) => Err(AskError::Restarted { kind: E::KIND }),
            Err(_) => Err(AskError::Expired { kind: E::KIND }),
        }
    }

    /// Tells an entity of this node, activating it if need be. Delivered at most once.
    pub fn tell<C: Call>(&self, key: E::Key, call: C) -> Result<(), AskError>
    where
        E: Handle<C>,
    {
        self.send(key, None, Envelope::new(call, Reply::nobody()))
    }

    /// Tells an entity only if it is in memory on this node; returns whether it was.
    pub fn tell_if_active<C: Call>(&self, key: E::Key, call: C) -> Result<bool, AskError>
    where
        E: Handle<C>,
    {
        self.send_if_active(key, Envelope::new(call, Reply::nobody()))
    }

    pub(crate) fn send_if_active(&self, key: E::Key, envelope: Envelope<E>) -> Result<bool, AskError> {
        let mut slot = self.0.slot(key).lock();
        match slot.entities.get(&key) {
            None => Ok(false),
            Some(handle) => match self.0.cast(handle, None, envelope) {
                Ok(()) => Ok(true),
                Err(CastError::Overloaded) => Err(self.0.overloaded()),
                Err(CastError::Gone(_)) => {
                    if let Some(dead) = slot.entities.remove(&key) {
                        self.0.close_account(&dead.shared);
                    }
                    Ok(false)
                }
            },
        }
    }

    /// Whether the entity is in memory.
    pub fn is_active(&self, key: E::Key) -> bool {
        self.0.slot(key).lock().entities.contains_key(&key)
    }

    /// Makes an entity forget its state: it is activated anew from durable state by its next message.
    /// Returns whether it was in memory. Messages in its mailbox are lost; their callers hear of it.
    pub fn reset(&self, key: E::Key) -> bool {
        let handle = self.0.slot(key).lock().entities.remove(&key);
        handle.map(|handle| self.0.discard(&handle)).is_some()
    }

    /// Looks at `count` shards from `first` on and asks idle entities to leave, and the least recently
    /// used ones while the region is over its budget. Called round and round by the clustering supervisor.
    pub fn sweep(&self, first: usize, count: usize) {
        let now_ms = self.0.now_ms();
        let idle_ms = self.0.settings.idle_after.as_millis() as u64;
        let held = self.0.heap_bytes.load(Ordering::Relaxed);
        let mut excess = held.saturating_sub(self.0.settings.memory_budget_bytes);
        for index in first..first + count {
            let mut slot = self.0.slots[index % self.0.slots.len()].lock();
            self.0.forget_dead(&mut slot);
            let mut unused: Vec<(u64, &Activation<E>)> = slot
                .entities
                .values()
                .filter(|handle| handle.shared.waiting() == 0)
                .map(|handle| (handle.shared.last_used_ms.load(Ordering::Relaxed), handle))
                .collect();
            unused.sort_unstable_by_key(|(last_used, _)| *last_used);
            // Under pressure every shard gives up the older half of what it holds, so that the region
            // shrinks by about the least recently used without one global list of uses.
            let older_half = unused.len().div_ceil(2);
            for (place, (last_used, handle)) in unused.into_iter().enumerate() {
                let pressed = excess > 0 && place < older_half;
                if pressed || now_ms.saturating_sub(last_used) >= idle_ms {
                    excess = excess.saturating_sub(handle.shared.heap_bytes.load(Ordering::Relaxed));
                    let _ = handle.actor.cast(EntityMessage::Passivate);
                }
            }
        }
    }

    /// Stops activating, and asks everything to save itself and leave until `deadline`.
    /// Returns how many entities were still there at the end.
    pub async fn drain(&self, deadline: Deadline) -> usize {
        self.0.draining.store(true, Ordering::Release);
        self.leave(|_| true, deadline).await
    }

    /// Asks the entities of the chosen shards to save themselves and leave, again and again until all have or
    /// `deadline` has passed. Returns how many stayed.
    async fn leave(&self, chosen: impl Fn(ShardId) -> bool, deadline: Deadline) -> usize {
        let mut round = 0_u32;
        loop {
            // Those that save themselves leave without being asked again; those that were busy are asked now and then.
            let ask = round.is_multiple_of(LEAVE_ROUNDS_PER_QUESTION);
            round += 1;
            let mut left = 0;
            for (shard, slot) in self.0.slots.iter().enumerate() {
                if !chosen(ShardId(shard as u16)) {
                    continue;
                }
                let mut slot = slot.lock();
                self.0.forget_dead(&mut slot);
                left += slot.entities.len();
                for handle in slot.entities.values().filter(|_| ask) {
                    let _ = handle.actor.cast(EntityMessage::Passivate);
                }
            }
            if left == 0 || deadline.has_passed() {
                return left;
            }
            tokio::time::sleep(LEAVE_ROUND).await;
        }
    }

    /// What the region is doing.
    pub fn stats(&self) -> RegionStats {
        let mut stats = RegionStats {
            heap_bytes: self.0.heap_bytes.load(Ordering::Relaxed),
            activations: self.0.activations.load(Ordering::Relaxed),
            passivations: self.0.passivations.load(Ordering::Relaxed),
            restarts: self.0.restarts.load(Ordering::Relaxed),
            expired: self.0.expired.load(Ordering::Relaxed),
            refused: self.0.refused.load(Ordering::Relaxed),
            ..RegionStats::default()
        };
        for slot in &self.0.slots {
            let slot = slot.lock();
            stats.active += slot.entities.len();
            for handle in slot.entities.values() {
                let waiting = handle.shared.waiting();
                stats.waiting += waiting;
                stats.deepest_mailbox = stats.deepest_mailbox.max(waiting);
            }
        }
        stats
    }

    pub(crate) fn send(&self, key: E::Key, deadline: Option<Deadline>, envelope: Envelope<E>) -> Result<(), AskError> {
        let shard = ShardId::of_hash(key.stable_hash());
        let mut slot = self.0.slots[usize::from(shard.0)].lock();
        let mut envelope = envelope;
        if let Some(handle) = slot.entities.get(&key) {
            match self.0.cast(handle, deadline, envelope) {
                Ok(()) => return Ok(()),
                Err(CastError::Overloaded) => return Err(self.0.overloaded()),
                // It died and its supervisor has not said so yet: activate anew.
                Err(CastError::Gone(returned)) => envelope = returned,
            }
        }
        let handle = self.0.activate(&mut slot, usize::from(shard.0), key)?;
        let sent = self.0.cast(&handle, deadline, envelope);
        if let Some(dead) = slot.entities.insert(key, handle) {
            self.0.close_account(&dead.shared);
        }
        sent.map_err(|_| AskError::Restarted { kind: E::KIND })
    }
}

impl<E: Entity> HandsOver for Region<E> {
    fn release(&self, shards: ShardSet, deadline: Deadline) -> BoxFuture<'static, usize> {
        let region = self.clone();
        Box::pin(async move {
            match region.0.spread {
                Spread::OverNodes => region.leave(|shard| shards.contains(shard), deadline).await,
                Spread::OnEveryNode => 0,
            }
        })
    }

    fn abandon(&self) {
        for slot in &self.0.slots {
            slot.lock().entities.drain().for_each(|(_, handle)| self.0.discard(&handle));
        }
    }
}

enum CastError<E: Entity> {
    Overloaded,
    Gone(Envelope<E>),
}

impl<E: Entity> RegionInner<E> {
    fn slot(&self, key: E::Key) -> &Mutex<Slot<E>> {
        &self.slots[usize::from(ShardId::of_hash(key.stable_hash()).0)]
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn overloaded(&self) -> AskError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        AskError::Overloaded { kind: E::KIND }
    }

    /// Called under the slot's lock, so that a permit is never taken of an entity being removed.
    fn cast(
        &self,
        handle: &Activation<E>,
        deadline: Option<Deadline>,
        envelope: Envelope<E>,
    ) -> Result<(), CastError<E>> {
        if handle.shared.waiting() >= self.settings.mailbox_capacity {
            return Err(CastError::Overloaded);
        }
        handle.shared.last_used_ms.store(self.now_ms(), Ordering::Relaxed);
        let permit = Permit::take(&handle.shared);
        match handle.actor.cast(EntityMessage::FromCaller { envelope, deadline, permit }) {
            Ok(()) => Ok(()),
            Err(ractor::MessagingErr::SendErr(EntityMessage::FromCaller { envelope, .. })) => {
                Err(CastError::Gone(envelope))
            }
            // ractor gives a message back with SendErr only; the other errors come from its own calls.
            Err(_) => Err(CastError::Overloaded),
        }
    }

    fn activate(&self, slot: &mut Slot<E>, shard: usize, key: E::Key) -> Result<Activation<E>, AskError> {
        if self.draining.load(Ordering::Acquire) {
            return Err(AskError::Draining { kind: E::KIND });
        }
        if self.heap_bytes.load(Ordering::Relaxed) > self.settings.memory_budget_bytes.saturating_mul(2) {
            return Err(self.overloaded());
        }
        let Some(region) = self.myself.get().and_then(std::sync::Weak::upgrade) else {
            return Err(AskError::Draining { kind: E::KIND });
        };
        let failed = |error| {
            tracing::error!(kind = E::KIND, ?key, %error, "cannot activate an entity");
            AskError::Restarted { kind: E::KIND }
        };
        let supervisor = match &slot.supervisor {
            Some(supervisor) => supervisor.clone(),
            None => {
                let handler = ShardSupervisor::<E> {
                    region: Arc::downgrade(&region),
                    shard,
                    intensity: self.settings.shard_restarts,
                };
                let (supervisor, _) =
                    ActorRuntime::spawn_linked_instant(None, handler, (), self.parent.clone()).map_err(failed)?;
                slot.supervisor.insert(supervisor.get_cell()).clone()
            }
        };
        let shared = Arc::new(EntityShared {
            waiting: AtomicUsize::new(0),
            heap_bytes: AtomicUsize::new(0),
            last_used_ms: AtomicU64::new(self.now_ms()),
            activation: self.activations.fetch_add(1, Ordering::Relaxed),
            handled: AtomicU64::new(0),
        });
        let handler = EntityActor { region, shared: shared.clone() };
        let (actor, _) = ActorRuntime::spawn_linked_instant(None, handler, key, supervisor).map_err(failed)?;
        Ok(Activation { actor, shared })
    }

    /// Looks at an entity that is in memory, under its slot's lock.
    pub(crate) fn look<T>(&self, key: E::Key, look: impl FnOnce(&Activation<E>) -> T) -> Option<T> {
        self.slot(key).lock().entities.get(&key).map(look)
    }

    /// Takes an entity out if no message waits for it. Only then may its actor stop.
    pub(crate) fn remove_if_idle(&self, key: E::Key, shared: &Arc<EntityShared>) -> bool {
        let mut slot = self.slot(key).lock();
        let is_this = slot.entities.get(&key).is_some_and(|handle| Arc::ptr_eq(&handle.shared, shared));
        if is_this && shared.waiting() > 0 {
            return false;
        }
        if is_this {
            slot.entities.remove(&key);
        }
        self.passivations.fetch_add(1, Ordering::Relaxed);
        self.close_account(shared);
        true
    }

    /// Moves the region's byte count by what one entity's changed, unless the entity was taken out.
    pub(crate) fn account(&self, shared: &EntityShared, heap_bytes: usize) {
        let alive = |before| (before != TAKEN_OUT).then_some(heap_bytes);
        if let Ok(before) = shared.heap_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, alive) {
            self.heap_bytes.fetch_add(heap_bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    fn discard(&self, handle: &Activation<E>) {
        handle.actor.kill();
        self.close_account(&handle.shared);
    }

    /// Ends the accounting of an entity that was taken out of its slot.
    fn close_account(&self, shared: &EntityShared) {
        let before = shared.heap_bytes.swap(TAKEN_OUT, Ordering::AcqRel);
        if before != TAKEN_OUT {
            self.heap_bytes.fetch_sub(before, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self, shard: usize, id: ActorId) {
        let mut slot = self.slots[shard].lock();
        let gone = slot.entities.extract_if(|_, handle| handle.actor.get_id() == id);
        gone.for_each(|(_, handle)| self.close_account(&handle.shared));
    }

    /// Lets go of entities whose actor ended without its supervisor hearing of it, as one that panicked in its
    /// activation or ended together with the tree.
    fn forget_dead(&self, slot: &mut Slot<E>) {
        let dead = slot.entities.extract_if(|_, handle| handle.actor.get_status() >= ActorStatus::Stopping);
        dead.for_each(|(_, handle)| self.close_account(&handle.shared));
    }

    /// A shard's supervisor gives up and takes its entities along. Gives it, and how many they were.
    pub(crate) fn forget_supervisor(&self, shard: usize) -> (Option<ActorCell>, usize) {
        let mut slot = self.slots[shard].lock();
        let discarded = slot.entities.drain().map(|(_, handle)| self.discard(&handle)).count();
        (slot.supervisor.take(), discarded)
    }
}
