//! A bounded queue of words from many to one, without a lock: how calls ended, in the order in which they did.
//!
//! Each slot has a number that says whose turn it is (Vyukov's bounded queue): a place is written by who has taken it,
//! and read once that is done. Where it is full the newest is refused, so a flood costs no memory.

use std::sync::atomic::{AtomicU64, Ordering};

struct Slot {
    /// The place that may be written here, or one more than the place that may be read.
    turn: AtomicU64,
    word: AtomicU64,
}

/// On a cache line of its own: writers and the reader do not wait for each other's.
#[repr(align(128))]
struct Apart(AtomicU64);

/// The queue. One reads at a time.
pub(in crate::breaker) struct Ring {
    slots: Box<[Slot]>,
    written: Apart,
    read: Apart,
}

impl Ring {
    /// An empty queue for `capacity` words; a power of two.
    pub fn new(capacity: usize) -> Self {
        let slot = |place| Slot { turn: AtomicU64::new(place), word: AtomicU64::new(0) };
        let slots = (0..capacity.next_power_of_two() as u64).map(slot).collect();
        Self { slots, written: Apart(AtomicU64::new(0)), read: Apart(AtomicU64::new(0)) }
    }

    fn slot(&self, place: u64) -> &Slot {
        &self.slots[place as usize & (self.slots.len() - 1)]
    }

    /// Adds a word; gives how many were added before, `None` where the queue is full.
    pub fn push(&self, word: u64) -> Option<u64> {
        let mut place = self.written.0.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(place);
            let turn = slot.turn.load(Ordering::Acquire);
            if turn < place {
                return None;
            }
            if turn > place {
                place = self.written.0.load(Ordering::Relaxed);
                continue;
            }
            match self.written.0.compare_exchange_weak(place, place + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    slot.word.store(word, Ordering::Relaxed);
                    slot.turn.store(place + 1, Ordering::Release);
                    return Some(place);
                }
                Err(current) => place = current,
            }
        }
    }

    /// Takes the oldest word.
    pub fn pop(&self) -> Option<u64> {
        let place = self.read.0.load(Ordering::Relaxed);
        let slot = self.slot(place);
        if slot.turn.load(Ordering::Acquire) != place + 1 {
            return None;
        }
        let word = slot.word.load(Ordering::Relaxed);
        slot.turn.store(place + self.slots.len() as u64, Ordering::Release);
        self.read.0.store(place + 1, Ordering::Relaxed);
        Some(word)
    }

    /// How many words it holds at most.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_out_in_order_and_a_full_queue_refuses_the_newest() {
        let ring = Ring::new(4);
        for round in 0..10_u64 {
            let added: Vec<bool> = (0..6).map(|word| ring.push(round * 10 + word).is_some()).collect();
            assert_eq!(added, [true, true, true, true, false, false]);
            let taken: Vec<u64> = std::iter::from_fn(|| ring.pop()).collect();
            assert_eq!(taken, (0..4).map(|word| round * 10 + word).collect::<Vec<_>>());
        }
    }

    #[test]
    fn whatever_was_taken_in_comes_out_once_and_in_each_writers_order() {
        const WRITERS: u64 = 4;
        const WORDS: u64 = 20_000;
        let ring = Ring::new(64);
        let mut last = [None; WRITERS as usize];
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let ring = &ring;
                scope.spawn(move || {
                    for word in 0..WORDS {
                        while ring.push(writer << 32 | word).is_none() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut taken = 0;
            while taken < WRITERS * WORDS {
                let Some(word) = ring.pop() else {
                    std::thread::yield_now();
                    continue;
                };
                let (writer, word) = ((word >> 32) as usize, word & u64::from(u32::MAX));
                assert_eq!(word, last[writer].map_or(0, |last: u64| last + 1));
                last[writer] = Some(word);
                taken += 1;
            }
        });
        assert_eq!(ring.pop(), None);
    }
}
