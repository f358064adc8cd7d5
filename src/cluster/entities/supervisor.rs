//! A supervising actor: starts its children, restarts the one that fails, gives up past its intensity.
//!
//! One-for-one with a delay that doubles with consecutive failures of a child. A supervisor that gives
//! up fails itself, so that the failure travels one level up; the root's failure ends the process.

use super::intensity::{IntensityMeter, RestartIntensity};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::back_off::BackOff;
use tokio::task::JoinHandle;

/// The delays before restarts of one child.
const RESTART: BackOff = BackOff::new(Duration::from_millis(50), Duration::from_secs(5));
/// A child that ran so long before it failed begins anew with them.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// Starts a child, linked to the given supervisor.
pub type StartChild = Arc<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>;

/// How to make a child.
#[derive(Clone)]
pub struct ChildSpec {
    /// The child's name, for logs.
    pub name: &'static str,
    pub start: StartChild,
}

impl ChildSpec {
    /// A child called `name` that `start` makes.
    pub fn new<F, Fut>(name: &'static str, start: F) -> Self
    where
        F: Fn(ActorCell) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<ActorCell, SpawnErr>> + Send + 'static,
    {
        Self { name, start: Arc::new(move |supervisor| Box::pin(start(supervisor))) }
    }
}

pub struct Supervisor;

/// What a [`Supervisor`] is started with.
pub struct SupervisorArgs {
    /// Its name, for logs and escalations.
    pub name: &'static str,
    pub intensity: RestartIntensity,
    /// What it starts, in order. Children that link themselves later are watched as well, not restarted.
    pub children: Vec<ChildSpec>,
}

pub type SupervisorHandle = ActorRef<SupervisorMessage>;

/// What a supervisor understands.
pub enum SupervisorMessage {
    /// A restart's delay is over.
    Restart(usize),
}

impl ractor::Message for SupervisorMessage {}

/// Why a supervisor gave up: it travels one level up the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{supervisor} gave up: more than {max_restarts} restarts in {within_ms} ms, last for: {last}")]
pub struct EscalationReason {
    pub supervisor: String,
    /// The limit that was passed.
    pub max_restarts: usize,
    /// The window of the limit, in milliseconds.
    pub within_ms: u64,
    /// The failure that passed it.
    pub last: String,
}

struct Child {
    spec: ChildSpec,
    consecutive_failures: u32,
    started_at: Instant,
}

pub struct SupervisorState {
    name: &'static str,
    meter: IntensityMeter,
    children: Vec<Child>,
    running: HashMap<ActorId, usize>,
}

impl Supervisor {
    /// Starts a supervisor below `parent` (or on top, without). The join handle ends when it gave up.
    pub async fn start(
        args: SupervisorArgs,
        parent: Option<ActorCell>,
    ) -> Result<(SupervisorHandle, JoinHandle<()>), SpawnErr> {
        match parent {
            Some(parent) => Actor::spawn_linked(None, Supervisor, args, parent).await,
            None => Actor::spawn(None, Supervisor, args).await,
        }
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        args: SupervisorArgs,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        let mut state = SupervisorState {
            name: args.name,
            meter: IntensityMeter::new(args.intensity),
            children: Vec::new(),
            running: HashMap::new(),
        };
        for (index, spec) in args.children.into_iter().enumerate() {
            let cell = (spec.start)(myself.get_cell()).await?;
            state.running.insert(cell.get_id(), index);
            state.children.push(Child { spec, consecutive_failures: 0, started_at: Instant::now() });
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisorMessage::Restart(index) = message;
        let start = state.children[index].spec.start.clone();
        match start(myself.get_cell()).await {
            Ok(cell) => {
                state.running.insert(cell.get_id(), index);
                state.children[index].started_at = Instant::now();
                Ok(())
            }
            Err(error) => state.child_failed(&myself, index, &error.to_string()),
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                let reason = error.to_string();
                match state.running.remove(&cell.get_id()) {
                    Some(index) => state.child_failed(&myself, index, &reason),
                    // A child that linked itself (a shard's supervisor): its own owner makes it anew.
                    None => state.count(&reason),
                }
            }
            SupervisionEvent::ActorTerminated(cell, _, _) => {
                state.running.remove(&cell.get_id());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl SupervisorState {
    fn child_failed(
        &mut self,
        myself: &ActorRef<SupervisorMessage>,
        index: usize,
        reason: &str,
    ) -> Result<(), ActorProcessingErr> {
        self.count(reason)?;
        let child = &mut self.children[index];
        if child.started_at.elapsed() > GOOD_RUN {
            child.consecutive_failures = 0;
        }
        child.consecutive_failures = child.consecutive_failures.saturating_add(1);
        let delay = RESTART.pause(child.consecutive_failures);
        tracing::error!(
            supervisor = self.name,
            child = child.spec.name,
            reason,
            ?delay,
            "a child failed; restarting it"
        );
        let myself = myself.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = myself.cast(SupervisorMessage::Restart(index));
        });
        Ok(())
    }

    fn count(&mut self, reason: &str) -> Result<(), ActorProcessingErr> {
        if self.meter.allow(Instant::now()) {
            return Ok(());
        }
        let limit = self.meter.limit();
        Err(Box::new(EscalationReason {
            supervisor: self.name.to_owned(),
            max_restarts: limit.max_restarts,
            within_ms: limit.within.as_millis() as u64,
            last: reason.to_owned(),
        }))
    }
}
