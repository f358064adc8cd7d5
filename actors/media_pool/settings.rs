//! What a media pool is made of.

use super::scratch::Scratch;
use crate::limited::LimitedLedger;
use crate::{NextId, visual_search::Embedder};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
    time::Duration,
};
use tessera_cluster::ClusterNode;
use tessera_media::{
    Limits,
    video::{VideoLimits, VideoTools},
};
use tessera_ports::{HotStore, ObjectStore};
use tokio::sync::Semaphore;

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
    pub ledger: LimitedLedger,
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

/// What the workers share. Cheap to clone.
#[derive(Clone)]
pub struct WorkerTools {
    pub(super) args: Arc<MediaPoolArgs>,
    /// One permit per core, held by the computation itself: one that outlives its time limit cannot be
    /// stopped, and keeps its permit until it ends, so that there are never more of them than cores.
    pub(super) cores: Arc<Semaphore>,
}

impl WorkerTools {
    pub(super) fn new(args: Arc<MediaPoolArgs>, cores: usize) -> Self {
        Self { args, cores: Arc::new(Semaphore::new(cores)) }
    }
}

impl ractor::Message for WorkerTools {}

/// Counts that outlive a restart of the pool's actors.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) busy: AtomicUsize,
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) draining: AtomicBool,
}
