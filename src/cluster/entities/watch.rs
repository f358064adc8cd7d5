//! What a region lets those see and do who watch over its entities: how one does, leaving it behind, and making it go
//! wrong for tests.

use super::{
    context::EntityMessage,
    entity::Entity,
    region::Region,
    settings::{EntitySabotage, EntityVitals},
    state::Activation,
};
use crate::SHARDS;

impl<E: Entity> Region<E> {
    /// How an entity does; `None` where it is not in memory on this node.
    pub fn vitals(&self, key: E::Key) -> Option<EntityVitals> {
        self.0.look(key, |Activation { number, mailbox, .. }| EntityVitals {
            activation: *number,
            handled: mailbox.handled(),
            waiting: mailbox.waiting(),
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
        let send = |activation: &Activation<E>, how, permit| {
            activation.actor.cast(EntityMessage::Sabotage { how, permit }).is_ok()
        };
        let sabotage = |activation: &Activation<E>| match how {
            EntitySabotage::Flood(lasting) => {
                let capacity = self.0.settings.mailbox_capacity;
                let share = EntitySabotage::Hang(lasting / u32::try_from(capacity).unwrap_or(u32::MAX).max(1));
                (0..capacity).all(|_| send(activation, share, Some(activation.mailbox.take_place(self.0.now_ms()))))
            }
            how => send(activation, how, None),
        };
        self.0.look(key, sabotage).unwrap_or(false)
    }
}
