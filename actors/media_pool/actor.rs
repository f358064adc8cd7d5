//! The feeder: it claims jobs, hands them to the factory, keeps their leases, and hears how they ended.

use super::{
    core::{FeederCore, JobKey, Wanted, retry_delay_ms},
    message::{AttemptEnd, FactoryKey, FeederMessage, Ticket},
    settings::{MediaPoolArgs, Tally, WorkerTools},
    worker::MediaWorker,
};
use crate::limited::limited;
use futures::future::join_all;
use ractor::{
    Actor, ActorProcessingErr, ActorRef, SupervisionEvent,
    factory::{Factory, FactoryArguments, FactoryRef, queues::DefaultQueue, routing::QueuerRouting, worker_builder},
};
use std::sync::{Arc, atomic::Ordering};
use tessera_media::video::CancelFlag;
use tessera_ports::{StoreResult, clock, ledger::MediaJob};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

type MediaFactory = Factory<
    FactoryKey,
    Ticket,
    WorkerTools,
    MediaWorker,
    QueuerRouting<FactoryKey, Ticket>,
    DefaultQueue<FactoryKey, Ticket>,
>;

/// The feeding actor; the factory is its child.
pub(super) struct MediaFeeder;

pub(super) struct FeederState {
    args: Arc<MediaPoolArgs>,
    tally: Arc<Tally>,
    core: FeederCore,
    factory: FactoryRef<FactoryKey, Ticket>,
    heartbeat_runs: bool,
    drained: Vec<oneshot::Sender<()>>,
    /// Ends with the feeder.
    _waker: AbortOnDropHandle<()>,
}

impl Actor for MediaFeeder {
    type Msg = FeederMessage;
    type State = FeederState;
    type Arguments = (Arc<MediaPoolArgs>, Arc<Tally>);

    async fn pre_start(
        &self,
        myself: ActorRef<FeederMessage>,
        (args, tally): Self::Arguments,
    ) -> Result<FeederState, ActorProcessingErr> {
        let mut core = FeederCore::new(args.settings.workers);
        if tally.draining.load(Ordering::Acquire) {
            core.drain();
        }
        let workers = args.settings.workers.max(1);
        let tools = WorkerTools::new(args.clone(), workers);
        let arguments = FactoryArguments::builder()
            .worker_builder(Box::new(worker_builder(move |_| (MediaWorker, tools.clone()))))
            .num_initial_workers(workers)
            .router(QueuerRouting::default())
            .queue(DefaultQueue::default())
            .build();
        let (factory, _) = Actor::spawn_linked(None, MediaFactory::default(), arguments, myself.get_cell()).await?;
        myself.send_interval(args.settings.lease / 3, || FeederMessage::HeartbeatDue);
        let waker = AbortOnDropHandle::new(tokio::spawn(wake_forever(myself, args.clone())));
        Ok(FeederState { args, tally, core, factory, heartbeat_runs: false, drained: Vec::new(), _waker: waker })
    }

    async fn handle(
        &self,
        myself: ActorRef<FeederMessage>,
        message: FeederMessage,
        state: &mut FeederState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FeederMessage::Wake => state.claim(&myself),
            FeederMessage::Claimed(result) => state.claimed(&myself, result)?,
            FeederMessage::Ended(key, end) => state.ended(&myself, key, end),
            FeederMessage::HeartbeatDue => state.prolong_leases(&myself),
            FeederMessage::HeartbeatEnded => state.heartbeat_runs = false,
            FeederMessage::Drain { reply } => {
                state.core.drain();
                state.drained.push(reply);
            }
            FeederMessage::Release { reply } => {
                state.core.drain();
                let (args, keys) = (state.args.clone(), state.core.running());
                let flags: Vec<_> = keys.iter().map(|key| state.core.cancel_flag(*key)).collect();
                tokio::spawn(async move {
                    let released = release(&args, keys).await;
                    flags.iter().for_each(CancelFlag::cancel);
                    let _ = reply.send(released);
                });
            }
        }
        state.tally.busy.store(state.core.running().len(), Ordering::Relaxed);
        if state.core.is_drained() {
            state.drained.drain(..).for_each(|reply| {
                let _ = reply.send(());
            });
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<FeederMessage>,
        event: SupervisionEvent,
        _: &mut FeederState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            // Without its factory the feeder is of no use: both start anew, and leases give the jobs back.
            SupervisionEvent::ActorFailed(_, error) => Err(format!("the media factory failed: {error}").into()),
            SupervisionEvent::ActorTerminated(..) => Err("the media factory stopped".into()),
            _ => Ok(()),
        }
    }
}

impl FeederState {
    fn claim(&mut self, myself: &ActorRef<FeederMessage>) {
        // Ids and leases carry the number that membership gave this node. The next poll asks again.
        if !self.args.node.is_in_standing() {
            return;
        }
        let Some(Wanted { jobs, videos }) = self.core.wake(takes_videos(&self.args)) else { return };
        let (args, myself) = (self.args.clone(), myself.clone());
        tokio::spawn(async move {
            let lease_ms = args.settings.lease.as_millis() as i64;
            let result = args.ledger.claim_jobs(jobs, videos, lease_ms, clock::now()).await;
            let _ = myself.cast(FeederMessage::Claimed(result));
        });
    }

    fn claimed(
        &mut self,
        myself: &ActorRef<FeederMessage>,
        result: StoreResult<Vec<MediaJob>>,
    ) -> Result<(), ActorProcessingErr> {
        let jobs = result.unwrap_or_else(|error| {
            tracing::warn!(%error, "cannot claim media jobs; trying again");
            Vec::new()
        });
        if !self.core.claimed(&jobs) {
            let (args, keys) = (self.args.clone(), jobs.iter().map(JobKey::of).collect());
            let myself = myself.clone();
            tokio::spawn(async move {
                release(&args, keys).await;
                let _ = myself.cast(FeederMessage::Claimed(Ok(Vec::new())));
            });
            return Ok(());
        }
        for job in jobs {
            let cancel = self.core.cancel_flag(JobKey::of(&job));
            let ticket = Ticket::new(job, cancel, myself.clone());
            self.factory.dispatch(ticket.key(), ticket).map_err(|error| error.to_string())?;
        }
        if self.core.take_claim_again() {
            self.claim(myself);
        }
        Ok(())
    }

    fn ended(&mut self, myself: &ActorRef<FeederMessage>, key: JobKey, end: AttemptEnd) {
        match end {
            AttemptEnd::Posted => self.tally.done.fetch_add(1, Ordering::Relaxed),
            AttemptEnd::Failed | AttemptEnd::WorkerLost => self.tally.failed.fetch_add(1, Ordering::Relaxed),
            AttemptEnd::LeaseLost => 0,
        };
        if let Some(attempt) = self.core.ended(key)
            && end == AttemptEnd::WorkerLost
        {
            tracing::error!(upload_id = %key.upload_id, attempt, "a media worker was lost with its job");
            let args = self.args.clone();
            tokio::spawn(async move { fail_lost(&args, key, attempt).await });
        }
        self.claim(myself);
    }

    fn prolong_leases(&mut self, myself: &ActorRef<FeederMessage>) {
        let keys = self.core.running();
        if keys.is_empty() || std::mem::replace(&mut self.heartbeat_runs, true) {
            return;
        }
        let (args, myself) = (self.args.clone(), myself.clone());
        let leases: Vec<_> = keys.into_iter().map(|key| (key, self.core.cancel_flag(key))).collect();
        tokio::spawn(async move {
            join_all(leases.iter().map(|(key, cancel)| prolong(&args, *key, cancel))).await;
            let _ = myself.cast(FeederMessage::HeartbeatEnded);
        });
    }
}

/// Whether this node claims videos: where it cannot convert them, others in its cluster may, and an attempt here would
/// only spend the job's attempts. A node without others claims them all the same, so that their owners get an answer.
fn takes_videos(args: &MediaPoolArgs) -> bool {
    args.video_tools.is_ok() || args.node.view().members.len() < 2
}

/// Wakes the feeder when the ledger announces jobs, and now and then all the same.
async fn wake_forever(feeder: ActorRef<FeederMessage>, args: Arc<MediaPoolArgs>) {
    while feeder.cast(FeederMessage::Wake).is_ok() {
        let announced = args.ledger.wakes().media_jobs.notified();
        // Whichever comes first; a time-out is the poll.
        let _ = tokio::time::timeout(args.settings.poll_interval, announced).await;
    }
}

async fn prolong(args: &MediaPoolArgs, key: JobKey, cancel: &CancelFlag) {
    let settings = &args.settings;
    let lease_until = clock::now().plus_ms(settings.lease.as_millis() as i64);
    let work = args.ledger.extend_lease(key.upload_id, key.lease_token, lease_until);
    match limited("ledger", settings.store_limit.min(settings.lease / 3), work).await {
        Ok(true) => {}
        Ok(false) => {
            cancel.cancel();
            tracing::info!(upload_id = %key.upload_id, "the lease of a media job was lost");
        }
        Err(error) => tracing::warn!(upload_id = %key.upload_id, %error, "cannot prolong the lease of a media job"),
    }
}

async fn release(args: &MediaPoolArgs, keys: Vec<JobKey>) -> usize {
    let calls = keys
        .into_iter()
        .map(|key| async move { args.ledger.release_job(key.upload_id, key.lease_token, clock::now(), None).await });
    join_all(calls).await.into_iter().filter(|result| matches!(result, Ok(true))).count()
}

async fn fail_lost(args: &MediaPoolArgs, key: JobKey, attempt: u32) {
    let now = clock::now();
    let retry_at = now.plus_ms(retry_delay_ms(key.upload_id, attempt));
    let reason = "The file could not be processed.";
    if let Err(error) = args.ledger.fail_job(key.upload_id, key.lease_token, reason, Some(retry_at), now).await {
        tracing::warn!(upload_id = %key.upload_id, %error, "cannot record a lost attempt; its lease will run out");
    }
}
