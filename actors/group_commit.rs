//! Group commit as a pure state machine: what waits, what is under way, when the next batch starts.
//!
//! At most one batch is under way; what arrives meanwhile forms the next one, so that batches grow with the
//! load by themselves. Around that stand two waits, each of which may be zero: an item `linger`s for company,
//! and batches keep a `spacing`. A full batch waits for neither.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// When batches start and how large they and their queue grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupCommitLimits {
    /// How long an item waits for company even when nothing is under way.
    pub linger: Duration,
    /// The least time from the start of one batch to the start of the next, unless the next is full.
    pub spacing: Duration,
    /// The most weight in one batch; one item alone may weigh more.
    pub batch_weight: usize,
    /// The most weight that waits; past it items are refused.
    pub waiting_weight: usize,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<T> {
    /// Nothing: an item, the end of a batch or a wake-up comes first.
    Nothing,
    /// Call [`GroupCommit::woken`] after this long.
    WakeAfter(Duration),
    /// Commit these, then call [`GroupCommit::finished`].
    Start(Vec<T>),
}

struct Waiting<T> {
    item: T,
    weight: usize,
    since: Instant,
}

/// The queue in front of a store that commits batches.
pub(crate) struct GroupCommit<T> {
    limits: GroupCommitLimits,
    waiting: VecDeque<Waiting<T>>,
    waiting_weight: usize,
    last_start: Option<Instant>,
    under_way: bool,
    timer_runs: bool,
}

impl<T> GroupCommit<T> {
    pub fn new(limits: GroupCommitLimits) -> Self {
        let waiting = VecDeque::new();
        Self { limits, waiting, waiting_weight: 0, last_start: None, under_way: false, timer_runs: false }
    }

    /// Queues an item, or gives it back where too much waits already.
    pub fn push(&mut self, item: T, weight: usize, now: Instant) -> Result<(), T> {
        if self.waiting_weight > 0 && self.waiting_weight + weight > self.limits.waiting_weight {
            return Err(item);
        }
        self.waiting_weight += weight;
        self.waiting.push_back(Waiting { item, weight, since: now });
        Ok(())
    }

    /// What to do now. Items for which `is_gone` holds are dropped instead of committed: nobody waits for them.
    pub fn step(&mut self, now: Instant, is_gone: impl Fn(&T) -> bool) -> Step<T> {
        let Some(first) = self.waiting.front() else { return Step::Nothing };
        if self.under_way {
            return Step::Nothing;
        }
        let lingered = first.since + self.limits.linger;
        let due = self.last_start.map_or(lingered, |last| lingered.max(last + self.limits.spacing));
        if now < due && self.waiting_weight < self.limits.batch_weight {
            if std::mem::replace(&mut self.timer_runs, true) {
                return Step::Nothing;
            }
            return Step::WakeAfter(due - now);
        }
        let batch = self.take_batch(is_gone);
        if batch.is_empty() {
            return Step::Nothing;
        }
        self.under_way = true;
        self.last_start = Some(now);
        Step::Start(batch)
    }

    /// The wake-up that [`Step::WakeAfter`] asked for is there.
    pub fn woken(&mut self) {
        self.timer_runs = false;
    }

    /// The batch under way ended, well or badly.
    pub fn finished(&mut self) {
        self.under_way = false;
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.under_way
    }

    /// Bytes of the queue itself.
    pub fn heap_bytes(&self) -> usize {
        self.waiting.capacity() * size_of::<Waiting<T>>()
    }

    fn take_batch(&mut self, is_gone: impl Fn(&T) -> bool) -> Vec<T> {
        let (mut batch, mut batch_weight) = (Vec::new(), 0);
        while let Some(next) = self.waiting.front() {
            let gone = is_gone(&next.item);
            if !gone && !batch.is_empty() && batch_weight + next.weight > self.limits.batch_weight {
                break;
            }
            let Some(next) = self.waiting.pop_front() else { break };
            self.waiting_weight -= next.weight;
            if !gone {
                batch_weight += next.weight;
                batch.push(next.item);
            }
        }
        if self.waiting.is_empty() {
            self.waiting.shrink_to(self.limits.batch_weight);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn queue(linger: Duration, spacing: Duration) -> GroupCommit<u32> {
        GroupCommit::new(GroupCommitLimits { linger, spacing, batch_weight: 3, waiting_weight: 5 })
    }

    fn stays(_: &u32) -> bool {
        false
    }

    #[test]
    fn idle_queues_start_at_once_and_busy_ones_gather() {
        let (mut queue, start) = (queue(Duration::ZERO, 2 * MS), Instant::now());
        assert_eq!(queue.step(start, stays), Step::Nothing);
        queue.push(1, 1, start).expect("room");
        assert_eq!(queue.step(start, stays), Step::Start(vec![1]));
        queue.push(2, 1, start).expect("room");
        queue.push(3, 1, start).expect("room");
        assert_eq!(queue.step(start + MS, stays), Step::Nothing, "one batch at a time");
        queue.finished();
        assert_eq!(queue.step(start + MS, stays), Step::WakeAfter(MS), "batches keep their spacing");
        assert_eq!(queue.step(start + MS, stays), Step::Nothing, "one timer is enough");
        queue.woken();
        assert_eq!(queue.step(start + 2 * MS, stays), Step::Start(vec![2, 3]));
        queue.finished();
        assert!(queue.is_idle());
    }

    #[test]
    fn a_full_batch_waits_for_nothing_and_the_rest_stays() {
        let (mut queue, start) = (queue(20 * MS, Duration::ZERO), Instant::now());
        queue.push(1, 1, start).expect("room");
        assert_eq!(queue.step(start, stays), Step::WakeAfter(20 * MS));
        for item in 2..=5 {
            queue.push(item, 1, start).expect("room");
        }
        assert_eq!(queue.push(6, 1, start), Err(6), "the queue is bounded");
        assert_eq!(queue.step(start, stays), Step::Start(vec![1, 2, 3]));
        queue.finished();
        assert_eq!(queue.step(start + MS, stays), Step::Nothing, "the timer still runs");
        queue.woken();
        assert_eq!(queue.step(start + 20 * MS, stays), Step::Start(vec![4, 5]));
    }

    #[test]
    fn heavy_items_go_alone_and_those_nobody_waits_for_not_at_all() {
        let (mut queue, start) = (queue(Duration::ZERO, Duration::ZERO), Instant::now());
        queue.push(1, 9, start).expect("an empty queue takes any item");
        assert_eq!(queue.push(2, 1, start), Err(2));
        assert_eq!(queue.step(start, stays), Step::Start(vec![1]));
        queue.finished();
        queue.push(3, 1, start).expect("room");
        queue.push(4, 3, start).expect("room");
        assert_eq!(queue.step(start, |item| *item == 3), Step::Start(vec![4]));
        queue.finished();
        queue.push(5, 1, start).expect("room");
        assert_eq!(queue.step(start, |_| true), Step::Nothing);
        assert!(queue.is_idle());
    }
}
