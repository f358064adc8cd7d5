//! What a region and one entity's actor share: how full its mailbox is, and what it holds.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Stands in an entity's byte count once it was taken out of its slot.
const TAKEN_OUT: usize = usize::MAX;

/// The account of one activation.
#[derive(Debug)]
pub(super) struct Mailbox {
    waiting: AtomicUsize,
    heap_bytes: AtomicUsize,
    last_used_ms: AtomicU64,
    handled: AtomicU64,
}

impl Mailbox {
    /// An empty one, of an entity that is activated at `now_ms`.
    pub(super) fn new(now_ms: u64) -> Arc<Self> {
        let (waiting, heap_bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { waiting, heap_bytes, last_used_ms: AtomicU64::new(now_ms), handled: AtomicU64::new(0) })
    }

    /// How many calls wait, the one that is being handled included.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes a place at `now_ms`.
    pub(super) fn take_place(self: &Arc<Self>, now_ms: u64) -> Permit {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.last_used_ms.store(now_ms, Ordering::Relaxed);
        Permit(self.clone())
    }

    /// A message was handled.
    pub(super) fn count_handled(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    /// How many messages were handled.
    pub(super) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// When somebody last asked for it.
    pub(super) fn last_used_ms(&self) -> u64 {
        self.last_used_ms.load(Ordering::Relaxed)
    }

    /// What the entity holds, by its last word; nothing once it was taken out.
    pub(super) fn heap_bytes(&self) -> usize {
        Some(self.heap_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes != TAKEN_OUT).unwrap_or(0)
    }

    /// Notes what the entity holds now and gives what it held before; `None` where it was taken out.
    pub(super) fn account(&self, heap_bytes: usize) -> Option<usize> {
        let alive = |before| (before != TAKEN_OUT).then_some(heap_bytes);
        self.heap_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, alive).ok()
    }

    /// Takes the entity out and gives what it held; `None` where it was taken out before.
    pub(super) fn take_out(&self) -> Option<usize> {
        Some(self.heap_bytes.swap(TAKEN_OUT, Ordering::AcqRel)).filter(|before| *before != TAKEN_OUT)
    }
}

/// A place in a mailbox, given back when the call was handled or lost.
pub(super) struct Permit(Arc<Mailbox>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
