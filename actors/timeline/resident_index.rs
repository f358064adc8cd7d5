//! Who of the timelines in memory here follows whom: what fan-out goes by.
//!
//! Fan-out goes to residents: a new post looks its author up once and pushes to the timelines found.
//! Nobody scans a follower list, and a timeline that nobody has loaded costs nothing.

use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tessera_domain::{UserId, hash::stable_hash_u64};

/// Locks, so that timelines that load at the same time seldom wait for each other.
const STRIPES: usize = 64;

/// From author to timelines, each with the number of the registration that put it there.
type Stripe = Mutex<HashMap<UserId, HashMap<UserId, u64>>>;

/// From author to the resident timelines of those who follow them. One per node.
pub struct ResidentIndex {
    stripes: Vec<Stripe>,
    registrations: AtomicU64,
}

impl Default for ResidentIndex {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::default()).collect(), registrations: AtomicU64::new(0) }
    }
}

impl ResidentIndex {
    /// The resident followers of an author (the author's own timeline among them, while it is resident).
    pub fn residents_of(&self, author_id: UserId) -> Vec<UserId> {
        self.stripe(author_id).lock().get(&author_id).map_or_else(Vec::new, |users| users.keys().copied().collect())
    }

    /// How many (author, timeline) pairs are kept.
    pub fn len(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().values().map(HashMap::len).sum::<usize>()).sum()
    }

    /// Whether no timeline is registered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn stripe(&self, author_id: UserId) -> &Stripe {
        &self.stripes[(stable_hash_u64(author_id.0, 0) % STRIPES as u64) as usize]
    }

    fn add(&self, author_id: UserId, user_id: UserId, number: u64) {
        let mut stripe = self.stripe(author_id).lock();
        let holder = stripe.entry(author_id).or_default().entry(user_id).or_insert(number);
        *holder = number.max(*holder);
    }

    /// Removes what the registration `number` put there. A later one of the same timeline stays: when an
    /// entity ends, its successor may be in memory before it let go.
    fn remove(&self, author_id: UserId, user_id: UserId, number: u64) {
        let mut stripe = self.stripe(author_id).lock();
        if let Some(users) = stripe.get_mut(&author_id) {
            if users.get(&user_id) == Some(&number) {
                users.remove(&user_id);
            }
            if users.is_empty() {
                stripe.remove(&author_id);
            }
        }
    }
}

/// One timeline's registrations. Dropping it removes them all, however the timeline ended.
pub(super) struct Registration {
    index: Arc<ResidentIndex>,
    /// Grows with every registration at the index.
    number: u64,
    user_id: UserId,
    authors: HashSet<UserId>,
}

impl Registration {
    /// Registers `user_id` for its own posts.
    pub(super) fn new(index: Arc<ResidentIndex>, user_id: UserId) -> Self {
        let number = index.registrations.fetch_add(1, Ordering::Relaxed);
        let mut registration = Self { index, number, user_id, authors: HashSet::new() };
        registration.add(user_id);
        registration
    }

    pub(super) fn add(&mut self, author_id: UserId) {
        if self.authors.insert(author_id) {
            self.index.add(author_id, self.user_id, self.number);
        }
    }

    pub(super) fn remove(&mut self, author_id: UserId) {
        if self.authors.remove(&author_id) {
            self.index.remove(author_id, self.user_id, self.number);
        }
    }

    pub(super) fn contains(&self, author_id: UserId) -> bool {
        self.authors.contains(&author_id)
    }

    /// Bytes held on the heap here and in the index, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.authors.capacity() * 18 + self.authors.len() * 27
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        for author_id in &self.authors {
            self.index.remove(*author_id, self.user_id, self.number);
        }
    }
}
