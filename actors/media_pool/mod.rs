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
mod made;
mod message;
mod scratch;
#[cfg(test)]
mod tests;
mod video;
mod worker;

pub use scratch::Scratch;

use self::{actor::MediaFeeder, message::FeederMessage};
use crate::{NextId, visual_search::Embedder};
use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorRef, SpawnErr};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tessera_cluster::{ChildSpec, ClusterNode, Deadline};
use tessera_media::{
    Limits,
    video::{VideoLimits, VideoTools},
};
use tessera_ports::{HotStore, Ledger, ObjectStore};
use tokio::sync::oneshot;

/// How long giving jobs back may take at the end of a drain.
const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// Size, timing and bounds of a media pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPoolSettings {
    /// How many jobs run at once.
    pub workers: usize,
    /// How long a job is leased for; it is prolonged at every third of that.
    pub lease: Duration,
    /// How often the ledger is asked for jobs when it announces none.
    pub poll_interval: Duration,
    /// How long processing one picture may take, waiting for a free core included.
    pub process_limit: Duration,
    /// How long one call of a store may take.
    pub store_limit: Duration,
    /// What a picture may cost.
    pub limits: Limits,
    /// What a video may cost.
    pub video_limits: VideoLimits,
}

impl Default for MediaPoolSettings {
    /// As many workers as cores.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            process_limit: Duration::from_secs(120),
            store_limit: Duration::from_secs(30),
            limits: Limits::default(),
            video_limits: VideoLimits::default(),
        }
    }
}

/// What a media pool is made of.
pub struct MediaPoolArgs {
    /// This node in its cluster.
    pub node: Arc<ClusterNode>,
    pub ledger: Arc<dyn Ledger>,
    pub hot: Arc<dyn HotStore>,
    pub objects: Arc<dyn ObjectStore>,
    /// `ffmpeg` and its fences, or what of them this machine lacks: then videos are left to the other nodes.
    pub video_tools: Result<VideoTools, String>,
    /// Where videos lie while they are worked on.
    pub scratch: Scratch,
    /// Makes embeddings of pictures; `None`: the index's keeper does, on a node that can.
    pub embedder: Option<Embedder>,
    /// Ids for new posts.
    pub next_id: NextId,
    /// Size, timing and bounds.
    pub settings: MediaPoolSettings,
}

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

/// Counts that outlive a restart of the pool's actors.
#[derive(Debug, Default)]
struct Tally {
    busy: AtomicUsize,
    done: AtomicU64,
    failed: AtomicU64,
    draining: AtomicBool,
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
