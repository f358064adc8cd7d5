//! What the feeder knows of its jobs, and when a failed one is tried again.

use std::{collections::HashMap, time::Duration};
use tessera_domain::{
    UploadId,
    hash::{SeededRandom, stable_hash},
    media::is_video,
    time::HOUR_MS,
};
use tessera_media::video::CancelFlag;
use tessera_ports::{back_off::BackOff, ledger::MediaJob};

/// The delays before further attempts.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(60);
/// How often a job is tried whose file may be what takes too much of this machine.
pub(super) const MAX_STARVED_ATTEMPTS: u32 = 5;
/// The delay before its second attempt, at most; before the third it is twice as long, and so on. All in all more than
/// half an hour, in which other work may end.
const STARVED_RETRY_MS: u64 = 5 * 60_000;
/// How long a store may be away before the jobs that wait for it are dead: as long as the outbox waits for one.
const LONGEST_OUTAGE_MS: i64 = 12 * HOUR_MS;

/// One lease of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobKey {
    pub upload_id: UploadId,
    pub lease_token: u64,
}

impl JobKey {
    /// The lease that `job` came with.
    pub fn of(job: &MediaJob) -> Self {
        Self { upload_id: job.upload.id, lease_token: job.lease_token }
    }
}

/// A job that is under way.
struct Running {
    attempt: u32,
    is_video: bool,
    cancel: CancelFlag,
}

/// How many jobs to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub jobs: usize,
    /// How many of them may be videos.
    pub videos: usize,
}

/// What is under way on this node. At most as many jobs as workers are.
pub(super) struct FeederCore {
    workers: usize,
    /// Videos that may be under way at once.
    max_videos: usize,
    running: HashMap<JobKey, Running>,
    claiming: bool,
    /// A wake came while a claim was under way, and the claim may have missed what it told of.
    claim_again: bool,
    draining: bool,
}

impl FeederCore {
    /// Nothing is under way. Half of the workers may be busy with videos, so that photos, which take a thousandth of
    /// the time, always find one (unless there is a single worker).
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            workers,
            max_videos: (workers / 2).max(1),
            running: HashMap::new(),
            claiming: false,
            claim_again: false,
            draining: false,
        }
    }

    /// There may be jobs: how many to claim now, if any; videos only where `takes_videos`. Then [`FeederCore::claimed`]
    /// is called.
    pub fn wake(&mut self, takes_videos: bool) -> Option<Wanted> {
        let free = self.workers.saturating_sub(self.running.len());
        if self.claiming {
            self.claim_again = true;
        }
        if self.claiming || self.draining || free == 0 {
            return None;
        }
        self.claiming = true;
        let max_videos = if takes_videos { self.max_videos } else { 0 };
        let videos = self.running.values().filter(|running| running.is_video).count();
        Some(Wanted { jobs: free, videos: max_videos.saturating_sub(videos) })
    }

    /// A claim ended with `jobs`. Returns whether to start them; in a drain they are to be given back, and the
    /// drain waits for [`FeederCore::claimed`] to be called once more, without jobs, when they are.
    pub fn claimed(&mut self, jobs: &[MediaJob]) -> bool {
        if self.draining && !jobs.is_empty() {
            return false;
        }
        self.claiming = false;
        self.running.extend(jobs.iter().map(|job| {
            let is_video = is_video(&job.upload.content_type);
            (JobKey::of(job), Running { attempt: job.attempt, is_video, cancel: CancelFlag::default() })
        }));
        true
    }

    /// Whether to claim once more right after a claim.
    pub fn take_claim_again(&mut self) -> bool {
        std::mem::take(&mut self.claim_again)
    }

    /// An attempt is over; gives its number, if it was under way here.
    pub fn ended(&mut self, key: JobKey) -> Option<u32> {
        self.running.remove(&key).map(|running| running.attempt)
    }

    /// What calls a job off.
    pub fn cancel_flag(&self, key: JobKey) -> CancelFlag {
        self.running.get(&key).map(|running| running.cancel.clone()).unwrap_or_default()
    }

    /// The leases to prolong (or to give back).
    pub fn running(&self) -> Vec<JobKey> {
        self.running.keys().copied().collect()
    }

    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether a drain is over: nothing is under way and nothing will be.
    pub fn is_drained(&self) -> bool {
        self.draining && !self.claiming && self.running.is_empty()
    }
}

/// How long to wait after attempt number `attempt` of an upload's job: chance follows from the upload, so that jobs
/// that failed together do not come back together.
pub(super) fn retry_delay_ms(upload_id: UploadId, attempt: u32) -> i64 {
    BackOff::new(FIRST_RETRY, MAX_RETRY).pause_by(attempt.max(1), chance(upload_id, attempt.into())).as_millis() as i64
}

/// The same where time or memory was wanting, longer by as much each time; `None` once that is enough.
pub(super) fn starved_delay_ms(upload_id: UploadId, attempt: u32) -> Option<i64> {
    let longest = Duration::from_millis(STARVED_RETRY_MS) * attempt;
    (attempt < MAX_STARVED_ATTEMPTS).then(|| spread(longest, upload_id, attempt.into()))
}

/// The same where a store failed a job that was queued `age_ms` ago: in proportion to that, so that a hiccup holds a
/// job up for a moment, and a long outage does not wear the store out.
pub(super) fn outage_delay_ms(upload_id: UploadId, age_ms: i64) -> Option<i64> {
    let age = age_ms.max(0) as u64;
    let longest = Duration::from_millis(age / 2).clamp(FIRST_RETRY, MAX_RETRY);
    (age_ms < LONGEST_OUTAGE_MS).then(|| spread(longest, upload_id, age))
}

/// From half of `longest` to the whole.
fn spread(longest: Duration, upload_id: UploadId, salt: u64) -> i64 {
    BackOff::new(longest, longest).pause_by(1, chance(upload_id, salt)).as_millis() as i64
}

fn chance(upload_id: UploadId, salt: u64) -> f64 {
    SeededRandom::new(stable_hash(upload_id.0.as_bytes()).wrapping_add(salt)).next_f64()
}
