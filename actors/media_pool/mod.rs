//! The media pool of a node: leased jobs from the ledger become posts, pictures and videos alike
//! (`process_media_job`; docs/functions.md, section 1).
//!
//! ```text
//! feeder (claims no more jobs than workers are free, prolongs their leases, fails those whose worker died)
//! └─ ractor factory
//!    └─ workers, one per core: download → process off the async threads → put all files → finish the job
//! ```
//!
//! Videos never keep more than half of the workers busy, so that one of 8K does not hold up photos. They go through
//! files in a scratch folder, never whole through memory, and their work ends soon once their upload is called off,
//! their lease is lost, or the job is given back.
//!
//! A job runs at least once and makes exactly one post: keys of variants follow from the upload, and the
//! ledger's `finish_job` is idempotent by upload. Whatever dies, the lease runs out and the job is claimed
//! again, here or on another node, until its attempts are spent. A job's failure is one of four:
//! the file's fault (final, the uploader is told why, the original is deleted), the machine's (tried again later), a
//! store's (put off for up to half a day, which costs no attempt), or a lost lease (somebody else has it).

mod actor;
mod checksum;
mod core;
mod failure;
mod made;
mod message;
mod scratch;
mod settings;
#[cfg(test)]
mod tests;
mod video;
mod worker;

pub use scratch::Scratch;
pub use settings::{MediaPoolArgs, MediaPoolSettings};

use self::{actor::MediaFeeder, message::FeederMessage, settings::Tally};
use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tessera_cluster::{ChildSpec, Deadline};
use tokio::sync::oneshot;

/// How long giving jobs back may take at the end of a drain.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// What a media pool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaPoolStats {
    pub busy: usize,
    /// Jobs that may be under way at once.
    pub workers: usize,
    /// Jobs that ended as a post since the start.
    pub done: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
}

/// A media pool: the handle that outlives restarts of its actors. Cheap to clone.
#[derive(Clone)]
pub struct MediaPool {
    args: Arc<MediaPoolArgs>,
    tally: Arc<Tally>,
    feeder: Arc<Mutex<Option<ActorRef<FeederMessage>>>>,
}

impl MediaPool {
    /// A pool that does nothing until it is started.
    pub fn new(args: MediaPoolArgs) -> Self {
        Self { args: Arc::new(args), tally: Arc::default(), feeder: Arc::default() }
    }

    /// Starts the pool's actors below `supervisor`; again, after they failed.
    pub async fn start(&self, supervisor: ActorCell) -> Result<ActorCell, SpawnErr> {
        self.tally.busy.store(0, Ordering::Relaxed);
        let scratch = self.args.scratch.clone();
        // Nothing is claimed before the feeder runs.
        let _ = tokio::task::spawn_blocking(move || scratch.sweep()).await;
        let arguments = (self.args.clone(), self.tally.clone());
        let (feeder, _) = Actor::spawn_linked(None, MediaFeeder, arguments, supervisor).await?;
        *self.feeder.lock() = Some(feeder.clone());
        Ok(feeder.get_cell())
    }

    /// How a supervisor starts and restarts this pool.
    pub fn child_spec(&self) -> ChildSpec {
        let pool = self.clone();
        ChildSpec::new("media pool", move |supervisor| {
            let pool = pool.clone();
            async move { pool.start(supervisor).await }
        })
    }

    /// Claims no more jobs, waits for those under way until `deadline`, gives the rest back unspent and stops.
    /// Returns how many were given back.
    pub async fn drain(&self, deadline: Deadline) -> usize {
        self.tally.draining.store(true, Ordering::Release);
        let Some(feeder) = self.feeder.lock().clone() else { return 0 };
        let (reply, drained) = oneshot::channel();
        let told = feeder.cast(FeederMessage::Drain { reply }).is_ok();
        if told && !matches!(tokio::time::timeout_at(deadline.instant().into(), drained).await, Ok(Ok(()))) {
            let (reply, released) = oneshot::channel();
            let _ = feeder.cast(FeederMessage::Release { reply });
            let count = tokio::time::timeout(RELEASE_LIMIT, released).await;
            feeder.stop(None);
            return count.ok().and_then(Result::ok).unwrap_or(0);
        }
        feeder.stop(None);
        0
    }

    /// What the pool is doing.
    pub fn stats(&self) -> MediaPoolStats {
        MediaPoolStats {
            busy: self.tally.busy.load(Ordering::Relaxed),
            workers: self.args.settings.workers.max(1),
            done: self.tally.done.load(Ordering::Relaxed),
            failed: self.tally.failed.load(Ordering::Relaxed),
        }
    }
}
