//! A region: all entities of one kind that are active on this node.
//!
//! A send locks one of 1,024 slots for a look-up, takes a permit of the entity's bounded mailbox and
//! casts. Nothing is serialised.

use super::{
    context::Envelope,
    entity::{Entity, EntityKey, Handle},
    reply::Reply,
    settings::{RegionSettings, RegionStats, Spread},
    state::{CastError, RegionState},
};
use crate::{AskError, Call, ClusterNode, Deadline, ShardId};
use ractor::ActorCell;
use std::sync::{Arc, atomic::Ordering};

/// The entities of kind `E` on this node. Cheap to clone.
pub struct Region<E: Entity>(pub(super) Arc<RegionState<E>>);

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
        let region = Self(Arc::new(RegionState::new(args, settings, node.clone(), spread, parent)));
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

    pub(super) fn send_if_active(&self, key: E::Key, envelope: Envelope<E>) -> Result<bool, AskError> {
        let mut slot = self.0.slot(key).lock();
        match slot.entities.get(&key) {
            None => Ok(false),
            Some(activation) => match self.0.cast(activation, None, envelope) {
                Ok(()) => Ok(true),
                Err(CastError::Overloaded) => Err(self.0.overloaded()),
                Err(CastError::Gone(_)) => {
                    if let Some(dead) = slot.entities.remove(&key) {
                        self.0.close_account(&dead.mailbox);
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
        let activation = self.0.slot(key).lock().entities.remove(&key);
        activation.map(|activation| self.0.discard(&activation)).is_some()
    }

    /// What the region is doing.
    pub fn stats(&self) -> RegionStats {
        let mut stats = RegionStats {
            heap_bytes: self.0.heap_bytes.load(Ordering::Relaxed),
            activations: self.0.tally.activations.load(Ordering::Relaxed),
            passivations: self.0.tally.passivations.load(Ordering::Relaxed),
            restarts: self.0.tally.restarts.load(Ordering::Relaxed),
            expired: self.0.tally.expired.load(Ordering::Relaxed),
            refused: self.0.tally.refused.load(Ordering::Relaxed),
            ..RegionStats::default()
        };
        for slot in &self.0.slots {
            let slot = slot.lock();
            stats.active += slot.entities.len();
            for activation in slot.entities.values() {
                let waiting = activation.mailbox.waiting();
                stats.waiting += waiting;
                stats.deepest_mailbox = stats.deepest_mailbox.max(waiting);
            }
        }
        stats
    }

    pub(super) fn send(&self, key: E::Key, deadline: Option<Deadline>, envelope: Envelope<E>) -> Result<(), AskError> {
        let shard = ShardId::of_hash(key.stable_hash());
        let mut slot = self.0.slots[usize::from(shard.0)].lock();
        let mut envelope = envelope;
        if let Some(activation) = slot.entities.get(&key) {
            match self.0.cast(activation, deadline, envelope) {
                Ok(()) => return Ok(()),
                Err(CastError::Overloaded) => return Err(self.0.overloaded()),
                // It died and its supervisor has not said so yet: activate anew.
                Err(CastError::Gone(returned)) => envelope = returned,
            }
        }
        let activation = self.0.activate(&mut slot, usize::from(shard.0), key)?;
        let sent = self.0.cast(&activation, deadline, envelope);
        if let Some(dead) = slot.entities.insert(key, activation) {
            self.0.close_account(&dead.mailbox);
        }
        sent.map_err(|_| AskError::Restarted { kind: E::KIND })
    }
}
