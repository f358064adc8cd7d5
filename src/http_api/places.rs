//! The places that connections take, and who makes room when all are taken: whoever has asked for nothing the longest.

use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

/// One in so many places is made free at a time, so that looking for the longest idle is seldom.
const PLACES_PER_ROUND: usize = 100;
/// How long to wait for a place before more are asked to leave.
const ROUND: Duration = Duration::from_millis(100);

/// The places of one listener.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    count: usize,
    opened: Instant,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    occupants: HashMap<u64, Arc<Occupant>>,
}

#[derive(Default)]
struct Occupant {
    /// Requests whose reply is not sent yet.
    requests: AtomicU64,
    /// When the last one was over, in milliseconds after the listener was opened.
    idle_since_ms: AtomicU64,
    asked: AtomicBool,
    leave: Notify,
}

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(count));
        Arc::new(Self { free, count, opened: Instant::now(), taken: Mutex::default() })
    }

    /// A place for a connection, made where there is none by connections that idle.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        let permit = loop {
            if let Ok(permit) = self.free.clone().try_acquire_owned() {
                break Some(permit);
            }
            self.ask_idle_ones_to_leave();
            if let Ok(permit) = timeout(ROUND, self.free.clone().acquire_owned()).await {
                // The semaphore is never closed.
                break permit.ok();
            }
        };
        let occupant = Arc::new(Occupant::default());
        occupant.idle_since_ms.store(self.now_ms(), Ordering::Relaxed);
        let mut taken = self.taken.lock();
        let number = taken.next;
        taken.next += 1;
        taken.occupants.insert(number, occupant.clone());
        drop(taken);
        Place { places: self.clone(), number, occupant, _permit: permit }
    }

    fn ask_idle_ones_to_leave(&self) {
        let taken = self.taken.lock();
        let idle = taken.occupants.values().filter(|occupant| occupant.is_idle());
        let mut idle: Vec<(u64, &Arc<Occupant>)> = idle
            .filter(|occupant| !occupant.asked.load(Ordering::Relaxed))
            .map(|occupant| (occupant.idle_since_ms.load(Ordering::Relaxed), occupant))
            .collect();
        let wanted = self.count.div_ceil(PLACES_PER_ROUND).min(idle.len());
        if wanted < idle.len() {
            idle.select_nth_unstable_by_key(wanted, |(since, _)| *since);
        }
        for (_, occupant) in &idle[..wanted] {
            occupant.asked.store(true, Ordering::Relaxed);
            occupant.leave.notify_one();
        }
    }

    fn now_ms(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }
}

impl Occupant {
    fn is_idle(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0
    }
}

/// A connection's place; dropping it makes it free.
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    occupant: Arc<Occupant>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Notes a request, until what it returns is dropped with the last of the reply.
    pub(crate) fn request(&self) -> Busy {
        self.occupant.requests.fetch_add(1, Ordering::Relaxed);
        Busy { places: self.places.clone(), occupant: self.occupant.clone() }
    }

    /// Whether no request is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.occupant.is_idle()
    }

    /// Resolves once no request has been under way for `limit`.
    pub(crate) async fn idles_for(&self, limit: Duration) {
        let limit_ms = limit.as_millis() as u64;
        loop {
            let idle_ms = match self.is_idle() {
                true => self.places.now_ms().saturating_sub(self.occupant.idle_since_ms.load(Ordering::Relaxed)),
                false => 0,
            };
            if idle_ms >= limit_ms {
                return;
            }
            sleep(Duration::from_millis(limit_ms - idle_ms)).await;
        }
    }

    /// Resolves once the place is needed for others.
    pub(crate) async fn is_needed(&self) {
        self.occupant.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().occupants.remove(&self.number);
    }
}

/// A request under way.
pub(crate) struct Busy {
    places: Arc<Places>,
    occupant: Arc<Occupant>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.occupant.idle_since_ms.store(self.places.now_ms(), Ordering::Relaxed);
        self.occupant.requests.fetch_sub(1, Ordering::Relaxed);
    }
}
