//! Uploads, their quota, and the media jobs that turn them into posts.

use super::Embedding;
use crate::StoreResult;
use async_trait::async_trait;
use tessera_domain::{
    PostId, Timestamp, UploadId, UserId,
    media::MediaRecord,
    upload::{Upload, UploadStatus},
};

/// How often a media job is tried before it is dead. Attempts are spent at the claim, so that a job
/// that kills its worker dies too. Those that a store spoiled are given back ([`UploadLedger::release_job`]).
/// High enough that a few crashes of the process in a row do not fail the uploads that were under way.
pub const MAX_JOB_ATTEMPTS: u32 = 10;

/// An upload to be opened.
#[derive(Debug, Clone)]
pub struct NewUpload {
    pub upload: Upload,
    /// The client's idempotency key: the same user's same key gives the first upload again.
    pub idempotency_key: Option<String>,
    /// The most uploads per user and UTC day (of `upload.created_at`); `None` for no limit.
    pub daily_quota: Option<u32>,
    /// The most pending uploads of one user at a time; `None` for no limit.
    pub max_pending: Option<u32>,
}

/// What became of [`UploadLedger::create_upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateUploadOutcome {
    /// Opened; one unit of the day's quota is taken.
    Created,
    /// The idempotency key was used before: here is that upload.
    Existing(Box<Upload>),
    /// The day's quota is used up. Nothing happened.
    QuotaExceeded,
    /// So many uploads of the user are pending that there may be no further one. Nothing happened.
    TooManyPending,
}

/// What became of [`UploadLedger::complete_upload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompleteUploadOutcome {
    /// A media job is queued.
    Queued,
    /// It was completed before; this is how it stands now. Nothing changed.
    Already(UploadStatus),
    /// There is no such upload of this user.
    NotFound,
    /// So many jobs are waiting that no further one is taken. Nothing happened.
    QueueFull,
}

/// What became of [`UploadLedger::cancel_upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelUploadOutcome {
    /// It is called off; here it is as it stands now, so that its objects can be deleted.
    Cancelled(Box<Upload>),
    /// It was over before: completed, or failed. Nothing changed.
    Already(UploadStatus),
    /// There is no such upload of this user.
    NotFound,
}

/// A media job that this caller holds until `lease_until`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaJob {
    pub upload: Upload,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was queued, or last queued anew.
    pub queued_at: Timestamp,
    /// Proves the lease; acknowledgements with another token are refused.
    pub lease_token: u64,
}

/// The post that a job made.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedMedia {
    /// The id that the post gets, unless the upload has one already.
    pub post_id: PostId,
    pub media: MediaRecord,
    /// Its hashtags, from the caption.
    pub hashtags: Vec<String>,
    /// What the current model made of its picture; none where the picture could not be embedded.
    pub embedding: Option<Embedding>,
    pub now: Timestamp,
}

/// What became of [`UploadLedger::finish_job`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishJobOutcome {
    /// The post exists, once, whoever made it.
    Posted(PostId),
    /// The lease was lost and nobody has finished yet. Nothing happened.
    LeaseLost,
}

/// Where a media job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for a worker (or for its next attempt).
    Queued,
    /// Held by a worker.
    Leased,
    /// Given up, with a reason.
    Dead,
}

/// A job as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its place in the queue: jobs are listed in the order of it.
    pub number: i64,
    pub upload_id: UploadId,
    pub user_id: UserId,
    pub state: JobState,
    pub attempts: u32,
    /// The last failure, if any.
    pub last_error: Option<String>,
    /// When it was queued, or last queued anew.
    pub created_at: Timestamp,
}

/// How many jobs stand where, each count at most [`MAX_COUNTED`](super::MAX_COUNTED).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    pub queued: u64,
    pub leased: u64,
    pub dead: u64,
}

/// Uploads and media jobs. At-least-once work, exactly-once posts.
#[async_trait]
pub trait UploadLedger: Send + Sync + 'static {
    /// Opens an upload, taking and checking the quota in the same step.
    async fn create_upload(&self, new: NewUpload) -> StoreResult<CreateUploadOutcome>;

    async fn upload(&self, id: UploadId) -> StoreResult<Option<Upload>>;

    /// Marks an upload as processing and queues its job, unless `max_queued` jobs are waiting. Idempotent.
    async fn complete_upload(
        &self,
        id: UploadId,
        user_id: UserId,
        caption: &str,
        alt_text: &str,
        now: Timestamp,
        max_queued: u64,
    ) -> StoreResult<CompleteUploadOutcome>;

    /// Calls off an upload that has no post yet: it is failed, its unit of quota given back, and its job, if any, is
    /// gone, so that whoever holds its lease has lost it.
    async fn cancel_upload(&self, id: UploadId, user_id: UserId, now: Timestamp) -> StoreResult<CancelUploadOutcome>;

    /// Leases up to `limit` jobs, `max_videos` of them videos, that are due or whose lease ran out, oldest first, fair
    /// between users: a user's second job waits while other users' first ones are due.
    ///
    /// Jobs whose attempts are spent are moved to the dead letters instead, the upload to failed with
    /// the last error as its reason, and the quota is given back.
    async fn claim_jobs(
        &self,
        limit: usize,
        max_videos: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> StoreResult<Vec<MediaJob>>;

    /// Prolongs a lease; false where it was lost.
    async fn extend_lease(&self, id: UploadId, lease_token: u64, lease_until: Timestamp) -> StoreResult<bool>;

    /// Makes the post, its embedding, its `PostCreated` event and the completed status, and removes the job, in one
    /// transaction. Idempotent by upload: a second finisher gets the first one's post.
    async fn finish_job(
        &self,
        id: UploadId,
        lease_token: u64,
        finished: FinishedMedia,
    ) -> StoreResult<FinishJobOutcome>;

    /// Records a failed attempt. With `retry_at` the job waits until then (or dies where its attempts are
    /// spent); without, it is dead at once, the upload failed with `reason` and the quota given back.
    /// False where the lease was lost.
    async fn fail_job(
        &self,
        id: UploadId,
        lease_token: u64,
        reason: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Gives a job back unspent (the node is draining, or a store is away): it is due at `due_at` and its attempt is
    /// not counted. A `reason` becomes the last error. False where the lease was lost.
    async fn release_job(
        &self,
        id: UploadId,
        lease_token: u64,
        due_at: Timestamp,
        reason: Option<&str>,
    ) -> StoreResult<bool>;

    /// Fails up to `limit` pending uploads whose URL ran out before `expired_before`, giving their quota
    /// back, and returns them. Their objects are due to be deleted.
    async fn sweep_uploads(&self, expired_before: Timestamp, limit: usize) -> StoreResult<Vec<Upload>>;

    /// Uploads that have no post, or none any more, and whose objects are due to be deleted, those due longest first.
    ///
    /// They are due when nothing can be written under their keys any more:
    /// [`SWEEP_GRACE_MS`](tessera_domain::upload::SWEEP_GRACE_MS) after the upload was over and its URL ran out,
    /// whatever was deleted before. The objects of a job that was given up stay for
    /// [`GIVEN_UP_KEPT_MS`](tessera_domain::upload::GIVEN_UP_KEPT_MS).
    async fn ended_uploads(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Upload>>;

    /// The objects of these uploads are gone: [`UploadLedger::ended_uploads`] does not name them again, and their dead
    /// jobs are forgotten.
    async fn objects_deleted(&self, ids: &[UploadId]) -> StoreResult<()>;

    /// Jobs in one state (or all), oldest first, those behind the number `after`.
    async fn jobs(&self, state: Option<JobState>, after: Option<i64>, limit: usize) -> StoreResult<Vec<JobView>>;

    /// How many jobs stand where.
    async fn job_counts(&self) -> StoreResult<JobCounts>;

    /// Queues a dead job anew with all its attempts and as new as if it had just been queued, the upload processing
    /// again and holding a unit of its day's quota again, whatever the limit; false where it is not dead, or for so
    /// long that its objects are about to be deleted.
    async fn retry_job(&self, id: UploadId, now: Timestamp) -> StoreResult<bool>;
}
