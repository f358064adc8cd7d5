//! A breaker as its callers share it.

use super::{BreakerError, Fault};
use futures::FutureExt;
use parking_lot::Mutex;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_cluster::Deadline;
use tessera_domain::breaker::{
    Breaker, BreakerMetrics, BreakerSettings, BreakerState, Outcome, Permission, Transition,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A breaker before one dependency. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct BreakerRef(Arc<Shared>);

/// What a breaker did so far.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerStats {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: BreakerState,
    /// What is in its window.
    pub metrics: BreakerMetrics,
    /// Calls refused because it was open, since the node started.
    pub not_permitted: u64,
    /// Calls refused because too many were under way.
    pub full: u64,
    /// Calls that went well.
    pub succeeded: u64,
    /// Calls that failed, were cut off or panicked.
    pub failed: u64,
    /// Calls whose error said nothing about the dependency.
    pub ignored: u64,
    /// Calls whose caller went away.
    pub cancelled: u64,
    /// How often it opened.
    pub opened: u64,
}

/// What calls meet in place of their dependency, so that tests see what happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// They do not end.
    Hang,
    /// They panic.
    Panic,
    /// They begin late by this long.
    Slow(Duration),
}

struct Shared {
    name: String,
    /// The machine's time counts from here.
    origin: Instant,
    machine: Mutex<Breaker>,
    places: Semaphore,
    succeeded: AtomicU64,
    failed: AtomicU64,
    ignored: AtomicU64,
    cancelled: AtomicU64,
    full: AtomicU64,
    opened: AtomicU64,
    is_sabotaged: AtomicBool,
    sabotage: Mutex<Option<(Sabotage, Instant)>>,
}

impl BreakerRef {
    /// A closed breaker that lets at most `concurrent` calls be under way; a further one is refused, never queued.
    pub fn new(name: impl Into<String>, settings: BreakerSettings, concurrent: usize) -> Self {
        Self(Arc::new(Shared {
            name: name.into(),
            origin: Instant::now(),
            machine: Mutex::new(Breaker::new(settings, Duration::ZERO)),
            places: Semaphore::new(concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            full: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            is_sabotaged: AtomicBool::new(false),
            sabotage: Mutex::new(None),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Does `work` unless the breaker refuses, and counts how it ends. It always comes back by `deadline`, as long
    /// as `work` waits and does not compute: work that computes for long belongs on a thread of its own.
    ///
    /// A call whose caller goes away (this future is dropped) counts as nothing, and its permission is given back.
    ///
    /// # Errors
    /// [`BreakerError`]; time-outs, panics and errors that are a [`Fault`] count against the dependency.
    pub async fn call<T, E: Fault>(
        &self,
        deadline: Deadline,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BreakerError<E>> {
        let under_way = self.begin()?;
        let work = AssertUnwindSafe(self.0.sabotaged(work)).catch_unwind();
        let (outcome, result) = match tokio::time::timeout_at(deadline.instant().into(), work).await {
            Ok(Ok(Ok(value))) => (Outcome::Success, Ok(value)),
            Ok(Ok(Err(error))) if error.is_fault() => (Outcome::Failure, Err(BreakerError::Failed(error))),
            Ok(Ok(Err(error))) => (Outcome::Ignored, Err(BreakerError::Failed(error))),
            Ok(Err(_)) => (Outcome::Failure, Err(BreakerError::Panicked)),
            Err(_) => (Outcome::Failure, Err(BreakerError::TimedOut)),
        };
        under_way.end(outcome);
        result
    }

    /// Puts it into `state`; an operator's doing.
    pub fn force(&self, state: BreakerState) {
        self.0.with_machine(|machine, now| machine.force(state, now));
    }

    /// Makes calls meet `sabotage` in place of their dependency for a while. For tests of the product only.
    pub fn sabotage(&self, sabotage: Sabotage, lasting: Duration) {
        *self.0.sabotage.lock() = Some((sabotage, Instant::now() + lasting));
        self.0.is_sabotaged.store(true, Ordering::Release);
    }

    /// What it did so far.
    pub fn stats(&self) -> BreakerStats {
        let shared = &self.0;
        let look =
            |machine: &mut Breaker, now| (machine.state(now), machine.metrics(now), machine.not_permitted_ever());
        let (state, metrics, not_permitted) = shared.with_machine(look);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BreakerStats {
            name: shared.name.clone(),
            state,
            metrics,
            not_permitted,
            full: load(&shared.full),
            succeeded: load(&shared.succeeded),
            failed: load(&shared.failed),
            ignored: load(&shared.ignored),
            cancelled: load(&shared.cancelled),
            opened: load(&shared.opened),
        }
    }

    fn begin<E>(&self) -> Result<UnderWay<'_>, BreakerError<E>> {
        let shared = &*self.0;
        let permission = shared
            .with_machine(|machine, now| machine.acquire(now))
            .map_err(|refused| BreakerError::Open { retry_after: refused.retry_after })?;
        match shared.places.try_acquire() {
            Ok(place) => {
                let began = Instant::now();
                Ok(UnderWay { shared, permission: Some(permission), began, _place: place })
            }
            Err(_) => {
                shared.with_machine(|machine, _| machine.release(permission));
                shared.full.fetch_add(1, Ordering::Relaxed);
                Err(BreakerError::Full)
            }
        }
    }
}

impl Shared {
    /// Uses the machine, and logs what changed.
    fn with_machine<T>(&self, use_it: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let (result, transitions) = {
            let mut machine = self.machine.lock();
            // Read under the lock, so that the machine's time never goes back.
            let result = use_it(&mut machine, self.origin.elapsed());
            (result, machine.take_transitions())
        };
        for Transition { from, to, cause } in transitions {
            let (breaker, from) = (&self.name, from.as_str());
            if to == BreakerState::Open {
                self.opened.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(breaker, from, ?cause, "a breaker opened");
            } else {
                tracing::info!(breaker, from, to = to.as_str(), ?cause, "a breaker changed");
            }
        }
        result
    }

    async fn sabotaged<T>(&self, work: impl Future<Output = T>) -> T {
        if self.is_sabotaged.load(Ordering::Acquire) {
            let current = {
                let mut sabotage = self.sabotage.lock();
                *sabotage = sabotage.filter(|(_, until)| Instant::now() < *until);
                if sabotage.is_none() {
                    self.is_sabotaged.store(false, Ordering::Release);
                }
                *sabotage
            };
            match current {
                Some((Sabotage::Hang, _)) => std::future::pending().await,
                Some((Sabotage::Panic, _)) => panic!("sabotage of {}", self.name),
                Some((Sabotage::Slow(delay), _)) => tokio::time::sleep(delay).await,
                None => {}
            }
        }
        work.await
    }
}

/// A call that may go ahead. Dropped before its end it gives its permission back.
struct UnderWay<'a> {
    shared: &'a Shared,
    permission: Option<Permission>,
    began: Instant,
    _place: SemaphorePermit<'a>,
}

impl UnderWay<'_> {
    fn end(mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Success => &self.shared.succeeded,
            Outcome::Failure => &self.shared.failed,
            Outcome::Ignored => &self.shared.ignored,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(permission) = self.permission.take() {
            let took = self.began.elapsed();
            self.shared.with_machine(|machine, now| machine.record(permission, outcome, took, now));
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(permission) = self.permission.take() {
            self.shared.cancelled.fetch_add(1, Ordering::Relaxed);
            self.shared.with_machine(|machine, _| machine.release(permission));
        }
    }
}
