//! How entities leave memory: idle ones, those that a budget has no room for, and those of shards that move away.
//!
//! An entity leaves in three steps that lose no call: it is asked to passivate, it saves its state, and it is removed
//! under the slot's lock only while no permit of its mailbox is out.

use super::{context::EntityMessage, entity::Entity, region::Region, settings::Spread, state::Activation};
use crate::{
    Deadline, ShardId,
    routing::{hand_over::HandsOver, shard_set::ShardSet},
};
use futures::future::BoxFuture;
use std::{sync::atomic::Ordering, time::Duration};

/// How often it is counted who has not left yet.
const LEAVE_ROUND: Duration = Duration::from_millis(20);
/// Every so many rounds those who stay are asked again.
const LEAVE_ROUNDS_PER_QUESTION: u32 = 5;

impl<E: Entity> Region<E> {
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
                .filter(|activation| activation.mailbox.waiting() == 0)
                .map(|activation| (activation.mailbox.last_used_ms(), activation))
                .collect();
            unused.sort_unstable_by_key(|(last_used, _)| *last_used);
            // Under pressure every shard gives up the older half of what it holds, so that the region
            // shrinks by about the least recently used without one global list of uses.
            let older_half = unused.len().div_ceil(2);
            for (place, (last_used, activation)) in unused.into_iter().enumerate() {
                let pressed = excess > 0 && place < older_half;
                if pressed || now_ms.saturating_sub(last_used) >= idle_ms {
                    excess = excess.saturating_sub(activation.mailbox.heap_bytes());
                    let _ = activation.actor.cast(EntityMessage::Passivate);
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
                for activation in slot.entities.values().filter(|_| ask) {
                    let _ = activation.actor.cast(EntityMessage::Passivate);
                }
            }
            if left == 0 || deadline.has_passed() {
                return left;
            }
            tokio::time::sleep(LEAVE_ROUND).await;
        }
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
            slot.lock().entities.drain().for_each(|(_, activation)| self.0.discard(&activation));
        }
    }
}
