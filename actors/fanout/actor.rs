//! The shell of a lane: finds the residents, pushes chunk by chunk, answers at the end.

use super::{
    CacheInvalidation, LaneKey,
    core::{FanoutCore, Step},
    requests::Delivery,
};
use crate::timeline::{ResidentIndex, TimelineRef};
use std::sync::Arc;
use tessera_cluster::{Entity, EntityContext, Handle, Passivation, Reply};

/// Deliveries that one lane holds; further ones wait in the outbox.
const MAX_QUEUED: usize = 1_024;

/// What all lanes share.
pub struct FanoutArgs {
    /// The timelines of this node.
    pub timelines: TimelineRef,
    /// Who follows whom among them.
    pub residents: Arc<ResidentIndex>,
    /// The node's copies, among them authors' newest posts.
    pub caches: Arc<dyn CacheInvalidation>,
}

/// A chunk was pushed: time for the next one.
pub struct ChunkPushed;

pub struct FanoutActor {
    args: Arc<FanoutArgs>,
    core: FanoutCore<Reply<u64>>,
}

impl Entity for FanoutActor {
    type Key = LaneKey;
    type Event = ChunkPushed;
    type Args = FanoutArgs;
    const KIND: &'static str = "fanout";

    fn activate(_: LaneKey, args: &Arc<FanoutArgs>, _: &EntityContext<Self>) -> Self {
        Self { args: args.clone(), core: FanoutCore::default() }
    }

    fn on_event(&mut self, ChunkPushed: ChunkPushed, context: &EntityContext<Self>) {
        self.work(context);
    }

    fn passivate(&mut self, _: &EntityContext<Self>) -> Passivation {
        if self.core.len() == 0 { Passivation::Ready } else { Passivation::Busy }
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Handle<Delivery> for FanoutActor {
    fn handle(&mut self, delivery: Delivery, reply: Reply<u64>, context: &EntityContext<Self>) {
        // A dropped reply sends the event back to the outbox, to be delivered later.
        if self.core.len() >= MAX_QUEUED {
            return;
        }
        self.args.caches.newest_posts_changed(delivery.author_id());
        let targets = self.args.residents.residents_of(delivery.author_id());
        if self.core.add(delivery, targets, reply) {
            self.work(context);
        }
    }
}

impl FanoutActor {
    /// Pushes one chunk and comes back by an event of its own, so that the lane's thread is shared.
    fn work(&mut self, context: &EntityContext<Self>) {
        loop {
            match self.core.step() {
                Step::Idle => return,
                Step::Done(reply, count) => {
                    metrics::counter!("tessera_fanout_pushes_total").increment(count);
                    reply.send(count);
                }
                Step::Push(delivery, users) => {
                    let timelines = &self.args.timelines;
                    let reached = users.into_iter().filter(|user_id| match delivery {
                        Delivery::Post(post) => timelines.push(*user_id, post),
                        Delivery::Removal(post) => timelines.remove(*user_id, post.post_id),
                        Delivery::CelebrityChanged { author_id, celebrity } => {
                            timelines.celebrity_changed(*user_id, author_id, celebrity)
                        }
                    });
                    let reached = reached.count() as u64;
                    self.core.reached(reached);
                    context.spawn(async { ChunkPushed });
                    return;
                }
            }
        }
    }
}
