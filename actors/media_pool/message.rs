//! What the pool's actors tell each other.

use super::core::JobKey;
use ractor::ActorRef;
use tessera_media::video::CancelFlag;
use tessera_ports::{StoreResult, ledger::MediaJob};
use tokio::sync::oneshot;

/// What the feeder understands.
pub enum FeederMessage {
    /// There may be jobs.
    Wake,
    /// What a claim gave.
    Claimed(StoreResult<Vec<MediaJob>>),
    /// An attempt is over.
    Ended(JobKey, AttemptEnd),
    /// It is time to prolong leases.
    HeartbeatDue,
    /// Leases were prolonged, or not.
    HeartbeatEnded,
    /// Claim no more; answer when nothing is under way.
    Drain {
        /// Told once nothing is under way.
        reply: oneshot::Sender<()>,
    },
    /// Give back what is under way.
    Release {
        /// How many jobs were given back.
        reply: oneshot::Sender<usize>,
    },
}

impl ractor::Message for FeederMessage {}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    Posted,
    /// It failed, and the ledger was told (or will find the lease run out).
    Failed,
    /// Somebody else has the job.
    LeaseLost,
    /// The worker vanished with it: it panicked or was killed.
    WorkerLost,
}

/// How the factory tells jobs apart: the upload's id as a number, for which ractor has a wire form.
pub type FactoryKey = u128;

/// A job on its way through the factory. However it is dropped, the feeder hears how it ended.
pub struct Ticket {
    pub job: MediaJob,
    /// Set when the work is to end: the lease was lost, the upload called off, the job given back, or the worker is
    /// gone.
    pub cancel: CancelFlag,
    feeder: ActorRef<FeederMessage>,
    end: AttemptEnd,
}

impl Ticket {
    /// A ticket whose end is told to `feeder`.
    pub fn new(job: MediaJob, cancel: CancelFlag, feeder: ActorRef<FeederMessage>) -> Self {
        Self { job, cancel, feeder, end: AttemptEnd::WorkerLost }
    }

    /// The job's key in the factory.
    pub fn key(&self) -> FactoryKey {
        self.job.upload.id.0.as_u128()
    }

    /// The attempt is over.
    pub fn end(mut self, end: AttemptEnd) {
        self.end = end;
    }
}

impl ractor::Message for Ticket {}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.cancel();
        // A feeder that is gone has lost track of the job; its lease runs out.
        let _ = self.feeder.cast(FeederMessage::Ended(JobKey::of(&self.job), self.end));
    }
}
