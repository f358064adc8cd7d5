//! A breaker as its callers share it with its actor.

use super::{
    BreakerError, BreakerReport, BreakerStats, Fault, Sabotage,
    actor::{BreakerActor, BreakerArgs},
    clock::Clock,
    core::ring::Ring,
    message::BreakerMessage,
    sabotage::Saboteur,
    wards::{Complaint, Symptom, Wards},
};
use futures::FutureExt;
use parking_lot::{Mutex, RwLock};
use ractor::{ActorCell, ActorRef, SpawnErr};
use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};
use tessera_cluster::{AskError, ChildSpec, Deadline};
use tessera_domain::breaker::{Breaker, BreakerSettings, BreakerState, Ended, Gate, Outcome};
use tokio::sync::oneshot;

/// Ends of calls that wait to be heard; more than a window of calls holds.
const OUTCOMES: usize = 1_024;
/// Of so many ends at the latest one wakes the actor.
const WAKE_EVERY: u64 = OUTCOMES as u64 / 2;
/// Complaints that wait to be heard.
const COMPLAINTS: usize = 64;
/// How actors of this kind are called in errors.
const KIND: &str = "breaker";

/// A breaker before one dependency. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct BreakerRef(pub(super) Arc<Shared>);

/// A number that every call changes, on cache lines of its own.
#[repr(align(128))]
pub(super) struct Apart<T>(pub T);

/// What callers and the actor of a breaker share. It outlives the actor: while that restarts, calls meet the state
/// that it published last.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) settings: BreakerSettings,
    pub(super) clock: Clock,
    pub(super) gate: Arc<Gate>,
    pub(super) outcomes: Ring,
    pub(super) complaints: Mutex<Vec<Complaint>>,
    pub(super) report: Mutex<BreakerReport>,
    actor: RwLock<Option<ActorRef<BreakerMessage>>>,
    /// A [`BreakerMessage::Wake`] is on its way.
    woken: AtomicBool,
    pub(super) under_way: Apart<AtomicUsize>,
    pub(super) concurrent: usize,
    pub(super) ignored: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) full: AtomicU64,
    unheard: AtomicU64,
    saboteur: Saboteur,
}

impl BreakerRef {
    /// A closed breaker that lets at most `concurrent` calls be under way; a further one is refused, never queued. Its
    /// state changes once its actor runs.
    pub fn new(name: impl Into<String>, settings: BreakerSettings, concurrent: usize) -> Self {
        Self::with_clock(name, settings, concurrent, Clock::start())
    }

    pub(super) fn with_clock(
        name: impl Into<String>,
        settings: BreakerSettings,
        concurrent: usize,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Shared {
            name: name.into(),
            settings,
            gate: Breaker::new(settings, clock.now()).gate().clone(),
            clock,
            outcomes: Ring::new(OUTCOMES),
            complaints: Mutex::new(Vec::new()),
            report: Mutex::new(BreakerReport::default()),
            actor: RwLock::new(None),
            woken: AtomicBool::new(false),
            under_way: Apart(AtomicUsize::new(0)),
            concurrent: concurrent.max(1),
            ignored: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            full: AtomicU64::new(0),
            unheard: AtomicU64::new(0),
            saboteur: Saboteur::default(),
        }))
    }

    /// Its actor, for a supervisor, with nothing behind it that it could restart.
    pub fn child_spec(&self, name: &'static str) -> ChildSpec {
        self.child_spec_over(name, None)
    }

    /// Its actor, for a supervisor; `wards` are what it restarts.
    pub(super) fn child_spec_over(&self, name: &'static str, wards: Option<Arc<dyn Wards>>) -> ChildSpec {
        let breaker = self.clone();
        ChildSpec::new(name, move |parent| {
            let (breaker, wards) = (breaker.clone(), wards.clone());
            async move { breaker.start(wards, Some(parent)).await }
        })
    }

    /// Starts its actor, where there is none or the last one has ended: one at a time hears.
    pub(super) async fn start(
        &self,
        wards: Option<Arc<dyn Wards>>,
        parent: Option<ActorCell>,
    ) -> Result<ActorCell, SpawnErr> {
        let args = BreakerArgs { shared: self.0.clone(), wards };
        let (actor, _) = match parent {
            Some(parent) => ractor::Actor::spawn_linked(None, BreakerActor, args, parent).await?,
            None => ractor::Actor::spawn(None, BreakerActor, args).await?,
        };
        *self.0.actor.write() = Some(actor.clone());
        self.0.has_heard();
        self.0.wake();
        Ok(actor.get_cell())
    }

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
        let mut work = pin!(AssertUnwindSafe(self.0.saboteur.met_by(work)).catch_unwind());
        // What is there at once needs no timer.
        let ended = match futures::poll!(work.as_mut()) {
            Poll::Ready(ended) => Ok(ended),
            Poll::Pending => tokio::time::timeout_at(deadline.instant().into(), work).await,
        };
        let (outcome, result) = match ended {
            Ok(Ok(Ok(value))) => (Outcome::Success, Ok(value)),
            Ok(Ok(Err(error))) if error.is_fault() => (Outcome::Failure, Err(BreakerError::Failed(error))),
            Ok(Ok(Err(error))) => (Outcome::Ignored, Err(BreakerError::Failed(error))),
            Ok(Err(_)) => (Outcome::Failure, Err(BreakerError::Panicked)),
            Err(_) => (Outcome::Failure, Err(BreakerError::TimedOut)),
        };
        under_way.end(outcome);
        result
    }

    /// The same for work that the ward of this number does: where it gives no answer, the breaker's supervisor hears
    /// whose fault that is.
    ///
    /// # Errors
    /// As [`BreakerRef::call`].
    pub async fn call_ward<T, E: Fault>(
        &self,
        ward: u64,
        deadline: Deadline,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BreakerError<E>> {
        let result = self.call(deadline, work).await;
        let symptom = match &result {
            Err(BreakerError::TimedOut) => Some(Symptom::Hung),
            Err(BreakerError::Failed(error)) => error.symptom(),
            _ => None,
        };
        if let Some(symptom) = symptom {
            self.complain(Complaint { ward, symptom, is_from_here: true });
        }
        result
    }

    /// Tells its supervisor how a ward failed that was one of many asked in a call.
    pub(crate) fn complain_of(&self, ward: u64, error: &impl Fault) {
        if let Some(symptom) = error.symptom() {
            self.complain(Complaint { ward, symptom, is_from_here: true });
        }
    }

    /// Puts it into `state`; an operator's doing. Calls meet it once this is answered.
    ///
    /// # Errors
    /// Its actor did not take the order by `deadline`; it may still.
    pub async fn force(&self, state: BreakerState, deadline: Deadline) -> Result<(), AskError> {
        self.ask(deadline, |reply| BreakerMessage::Force(state, reply)).await
    }

    /// Waits until its actor has heard of all calls that ended before.
    ///
    /// # Errors
    /// It has not by `deadline`.
    pub async fn hear(&self, deadline: Deadline) -> Result<(), AskError> {
        self.ask(deadline, BreakerMessage::Hear).await
    }

    /// Makes calls meet `sabotage` in place of their dependency for a while. For tests of the product only.
    pub fn sabotage(&self, sabotage: Sabotage, lasting: Duration) {
        self.0.saboteur.order(sabotage, lasting);
    }

    pub fn state(&self) -> BreakerState {
        self.0.gate.state()
    }

    /// What it did so far.
    pub fn stats(&self) -> BreakerStats {
        let shared = &self.0;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BreakerStats {
            name: shared.name.clone(),
            state: shared.gate.state(),
            open_left: shared.gate.open_until().map(|until| until.saturating_sub(shared.clock.now())),
            not_permitted: shared.gate.not_permitted(),
            full: load(&shared.full),
            ignored: load(&shared.ignored),
            cancelled: load(&shared.cancelled),
            unheard: load(&shared.unheard),
            report: shared.report.lock().clone(),
        }
    }

    /// Somebody got no answer of a ward. What comes while many complaints wait is one of them, most likely.
    pub(super) fn complain(&self, complaint: Complaint) {
        let mut complaints = self.0.complaints.lock();
        if complaints.len() < COMPLAINTS {
            complaints.push(complaint);
            drop(complaints);
            self.0.wake();
        }
    }

    async fn ask(
        &self,
        deadline: Deadline,
        message: impl FnOnce(oneshot::Sender<()>) -> BreakerMessage,
    ) -> Result<(), AskError> {
        let (reply, answer) = oneshot::channel();
        if !self.0.send(message(reply)) {
            return Err(AskError::Restarted { kind: KIND });
        }
        match tokio::time::timeout_at(deadline.instant().into(), answer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(AskError::Restarted { kind: KIND }),
            Err(_) => Err(AskError::Expired { kind: KIND }),
        }
    }
}

impl Shared {
    /// Wakes the actor, unless somebody has.
    pub(super) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) && !self.send(BreakerMessage::Wake) {
            // There is none yet; it looks for itself when it starts.
            self.has_heard();
        }
    }

    /// The actor looks now: who comes from here on wakes it again.
    pub(super) fn has_heard(&self) {
        self.woken.store(false, Ordering::Release);
    }

    pub(super) fn send(&self, message: BreakerMessage) -> bool {
        self.actor.read().as_ref().is_some_and(|actor| actor.cast(message).is_ok())
    }

    /// Leaves word of a call. What may change the state is heard at once, the rest within a second.
    pub(super) fn tell(&self, ended: Ended) {
        match self.outcomes.push(ended.to_bits()) {
            None => {
                self.unheard.fetch_add(1, Ordering::Relaxed);
                self.wake();
            }
            Some(before) => {
                let is_bad = ended.failed || ended.slow;
                if is_bad || self.gate.is_attentive() || before % WAKE_EVERY == WAKE_EVERY - 1 {
                    self.wake();
                }
            }
        }
    }
}
