//! The shell around a breaker's machine: hears how calls ended, keeps its timer, restarts what stands behind it.

use super::{
    core::suspects::{Escalation, Suspects},
    message::BreakerMessage,
    shared::Shared,
    stats::WardRestart,
    wards::{Complaint, Wards},
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::{sync::Arc, time::Duration};
use tessera_domain::breaker::{Breaker, BreakerState, Ended, Transition};
use tessera_ports::clock;

/// What ended and may wait is heard within this time, and a window of time forgets.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// The actor of one breaker: the only one who changes its state.
pub(super) struct BreakerActor;

pub(super) struct BreakerArgs {
    pub shared: Arc<Shared>,
    pub wards: Option<Arc<dyn Wards>>,
}

pub(super) struct BreakerActorState {
    shared: Arc<Shared>,
    wards: Option<Arc<dyn Wards>>,
    machine: Breaker,
    suspects: Suspects,
    /// What the timer is set for.
    timer: Option<Duration>,
}

impl Actor for BreakerActor {
    type Msg = BreakerMessage;
    type State = BreakerActorState;
    type Arguments = BreakerArgs;

    async fn pre_start(
        &self,
        _: ActorRef<BreakerMessage>,
        BreakerArgs { shared, wards }: BreakerArgs,
    ) -> Result<BreakerActorState, ActorProcessingErr> {
        let machine = Breaker::resume(shared.settings, shared.gate.clone(), shared.clock.now());
        Ok(BreakerActorState { shared, wards, machine, suspects: Suspects::new(), timer: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<BreakerMessage>,
        message: BreakerMessage,
        state: &mut BreakerActorState,
    ) -> Result<(), ActorProcessingErr> {
        // Whatever it is, what ended before it comes first.
        state.hear();
        let mut reply = None;
        match message {
            BreakerMessage::Wake => {}
            BreakerMessage::Timer(at) => state.timer = state.timer.filter(|armed| *armed != at),
            BreakerMessage::ProbesBegan { generation, at } => state.machine.probes_began(generation, at),
            BreakerMessage::Force(to, answer) => {
                state.machine.force(to, state.shared.clock.now());
                reply = Some(answer);
            }
            BreakerMessage::Hear(answer) => reply = Some(answer),
        }
        state.machine.tick(state.shared.clock.now());
        state.supervise();
        state.report();
        state.arm(&myself);
        if let Some(reply) = reply {
            let _ = reply.send(());
        }
        Ok(())
    }
}

impl BreakerActorState {
    /// Takes in how calls ended, in the order in which they did.
    fn hear(&mut self) {
        self.shared.has_heard();
        let (mut succeeded, mut failed) = (0, 0);
        // No more than fit, so that a flood of calls does not keep it from the rest of its work.
        for _ in 0..self.shared.outcomes.capacity() {
            let Some(ended) = self.shared.outcomes.pop().map(Ended::from_bits) else { break };
            *(if ended.failed { &mut failed } else { &mut succeeded }) += 1;
            self.machine.record(ended);
        }
        let mut report = self.shared.report.lock();
        report.succeeded += succeeded;
        report.failed += failed;
    }

    /// Looks at those whom callers complained of, and restarts those that need it.
    fn supervise(&mut self) {
        let complaints = std::mem::take(&mut *self.shared.complaints.lock());
        let Some(wards) = self.wards.clone() else { return };
        for complaint in complaints {
            let Complaint { ward, symptom, is_from_here } = complaint;
            let Some(vitals) = wards.vitals(ward) else {
                if is_from_here {
                    wards.complain_elsewhere(ward, symptom);
                }
                continue;
            };
            let now = self.shared.clock.now();
            let is_due = self.suspects.complain(complaint, vitals, self.shared.clock.instant(now));
            if !is_due || !wards.restart(ward) {
                continue;
            }
            let (breaker, name) = (&self.shared.name, wards.name(ward));
            tracing::warn!(breaker, ward = name, reason = symptom.as_str(), "restarted what stands behind a breaker");
            self.shared.report.lock().restarts.note(WardRestart { ward: name, symptom, at: clock::now() });
            if let Some(step) = self.suspects.restarted(ward, self.shared.clock.instant(now)) {
                self.escalate(step, wards.as_ref(), now);
            }
        }
    }

    fn escalate(&mut self, step: Escalation, wards: &dyn Wards, now: Duration) {
        let breaker = &self.shared.name;
        self.machine.trip(now);
        let mut report = self.shared.report.lock();
        report.escalations += 1;
        if step == Escalation::RestartAll {
            report.restarts_of_all += 1;
            drop(report);
            let restarted = wards.restart_all();
            tracing::error!(breaker, restarted, "restarts do not help: restarted all that stands behind a breaker");
        } else {
            tracing::error!(breaker, "restarts do not help: a breaker opens");
        }
    }

    /// Publishes what is known, and logs what changed.
    fn report(&mut self) {
        let mut report = self.shared.report.lock();
        report.metrics = self.machine.metrics(self.shared.clock.now());
        for Transition { from, to, cause } in self.machine.take_transitions() {
            let (breaker, from) = (&self.shared.name, from.as_str());
            if to == BreakerState::Open {
                report.opened += 1;
                tracing::warn!(breaker, from, ?cause, "a breaker opened");
            } else {
                tracing::info!(breaker, from, to = to.as_str(), ?cause, "a breaker changed");
            }
        }
    }

    /// Sets the timer, unless it rings in time already.
    fn arm(&mut self, myself: &ActorRef<BreakerMessage>) {
        let now = self.shared.clock.now();
        let look = now + LOOKS_EVERY;
        let at = self.machine.changes_at().map_or(look, |change| change.min(look));
        if self.timer.is_some_and(|armed| armed <= at) {
            return;
        }
        self.timer = Some(at);
        myself.send_after(at.saturating_sub(now), move || BreakerMessage::Timer(at));
    }
}
