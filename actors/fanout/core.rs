//! The pure part of a lane: deliveries in order, cut into chunks so that no handler runs for long.

use super::requests::Delivery;
use std::collections::VecDeque;
use tessera_domain::UserId;

/// Pushes per step. At about a microsecond each a step stays well under a scheduler's slice.
pub(super) const CHUNK: usize = 1_000;

/// One delivery under way; `waiter` is whoever is told at its end.
struct UnderWay<W> {
    delivery: Delivery,
    targets: Vec<UserId>,
    next: usize,
    delivered: u64,
    waiter: W,
}

/// What a step of the lane does.
pub(super) enum Step<W> {
    /// Push to these, then ask again.
    Push(Delivery, Vec<UserId>),
    /// Tell this waiter that so many were reached.
    Done(W, u64),
    Idle,
}

/// The lane's queue. Bounded by the lane's mailbox, because every waiter holds a place there or waits here.
pub(super) struct FanoutCore<W> {
    queue: VecDeque<UnderWay<W>>,
}

impl<W> Default for FanoutCore<W> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<W> FanoutCore<W> {
    /// Queues a delivery to `targets`. Returns whether the lane was idle before.
    pub(super) fn add(&mut self, delivery: Delivery, targets: Vec<UserId>, waiter: W) -> bool {
        self.queue.push_back(UnderWay { delivery, targets, next: 0, delivered: 0, waiter });
        self.queue.len() == 1
    }

    pub(super) fn step(&mut self) -> Step<W> {
        match self.queue.front_mut() {
            None => Step::Idle,
            Some(under_way) if under_way.next < under_way.targets.len() => {
                let end = (under_way.next + CHUNK).min(under_way.targets.len());
                let chunk = under_way.targets[under_way.next..end].to_vec();
                under_way.next = end;
                Step::Push(under_way.delivery, chunk)
            }
            Some(_) => match self.queue.pop_front() {
                Some(done) => Step::Done(done.waiter, done.delivered),
                None => Step::Idle,
            },
        }
    }

    /// Counts what the last push reached.
    pub(super) fn reached(&mut self, count: u64) {
        if let Some(under_way) = self.queue.front_mut() {
            under_way.delivered += count;
        }
    }

    /// How many deliveries are queued.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
