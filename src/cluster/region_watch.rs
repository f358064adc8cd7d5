//! What a region lets those see and do who watch over its entities: how one does, leaving it behind, and making it go
//! wrong for tests.

use crate::{
    entity::Entity,
    entity_actor::EntityMessage,
    region::{Activation, Permit, Region},
    shard_map::SHARDS,
};
use std::{sync::atomic::Ordering, time::Duration};

/// What can be seen of an entity from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityVitals {
    /// Which of the region's actors it is: another one after a restart from outside.
    pub activation: u64,
    /// Messages that it has handled; stands still where it hangs.
    pub handled: u64,
    /// Messages that wait, the one being handled included.
    pub waiting: usize,
}

/// What an entity is made to do, so that tests of the product see what becomes of it. A restart ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntitySabotage {
    /// Its handler panics once.
    Crash,
    /// It handles nothing for so long.
    Hang(Duration),
    /// Whatever it handles panics, for so long.
    Panic(Duration),
    /// Its mailbox is full of messages that take so long together.
    Flood(Duration),
}

impl<E: Entity> Region<E> {
    /// How an entity does; `None` where it is not in memory on this node.
    pub fn vitals(&self, key: E::Key) -> Option<EntityVitals> {
        self.0.look(key, |Activation { shared, .. }| EntityVitals {
            activation: shared.activation,
            handled: shared.handled.load(Ordering::Relaxed),
            waiting: shared.waiting(),
        })
    }

    /// Leaves an entity behind, whatever it does: its next message activates it anew. Returns whether it was in memory.
    ///
    /// One that waits ends here. One that computes without end goes on, on its thread, but nobody finds it any more:
    /// what it answers is heard by those only who still wait for that, and what it takes up counts nowhere.
    pub fn restart(&self, key: E::Key) -> bool {
        let restarted = self.reset(key);
        if restarted {
            self.0.count_restart();
        }
        restarted
    }

    /// Leaves all entities of this node behind, and their shards' supervisors. Returns how many they were.
    pub fn restart_all(&self) -> usize {
        let restart = |shard| {
            let (supervisor, entities) = self.0.forget_supervisor(shard);
            if let Some(supervisor) = supervisor {
                supervisor.stop(Some("restarted from outside".to_owned()));
            }
            (0..entities).for_each(|_| self.0.count_restart());
            entities
        };
        (0..usize::from(SHARDS)).map(restart).sum()
    }

    /// Makes an entity go wrong; false where it is not in memory on this node.
    pub fn sabotage(&self, key: E::Key, how: EntitySabotage) -> bool {
        let send =
            |handle: &Activation<E>, how, permit| handle.actor.cast(EntityMessage::Sabotage { how, permit }).is_ok();
        let sabotage = |handle: &Activation<E>| match how {
            EntitySabotage::Flood(lasting) => {
                let capacity = self.0.settings.mailbox_capacity;
                let share = EntitySabotage::Hang(lasting / u32::try_from(capacity).unwrap_or(u32::MAX).max(1));
                (0..capacity).all(|_| send(handle, share, Some(Permit::take(&handle.shared))))
            }
            how => send(handle, how, None),
        };
        self.0.look(key, sabotage).unwrap_or(false)
    }
}
