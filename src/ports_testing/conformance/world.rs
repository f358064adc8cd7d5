//! People, pictures and a clock for the checks, made through the ledger's own traits only.

use parking_lot::Mutex;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tessera_domain::{
    CommentId, IdGenerator, PostId, Timestamp, UploadId, UserId,
    celebrity::CelebrityRule,
    counters::{CounterOperation, Counts, ShardCounts},
    event::Event,
    media::{self, MediaDetails, MediaKind, MediaRecord, VideoRecord},
    text,
    upload::{PRESIGN_SECONDS, Upload, UploadStatus},
    user::{User, Username},
};
use tessera_ports::{
    Ledger,
    ledger::{
        CompleteUploadOutcome, CounterBatch, CreateUploadOutcome, CreateUserOutcome, FinishJobOutcome, FinishedMedia,
        FollowOutcome, MAX_PAGE, MediaJob, NewUpload, NewUser,
    },
};

/// Noon of a day (UTC), so that a few hours either way stay within it: 2026-03-14T12:00:00Z.
pub const NOON: Timestamp = Timestamp(1_773_489_600_000);
/// How long the suite's leases last.
pub const LEASE_MS: i64 = 60_000;
/// A rule under which nobody becomes a celebrity.
pub const NO_CELEBRITIES: CelebrityRule = CelebrityRule { threshold: 1_000_000 };
/// More queued jobs than any check makes.
pub const ROOMY_QUEUE: u64 = 10_000;

/// Details in which every part is there.
pub fn media_details() -> MediaDetails {
    MediaDetails {
        dominant_color: Some([255, 0, 7]),
        perceptual_hash: Some(u64::MAX - 1),
        animated: true,
        video: Some(VideoRecord {
            duration_ms: 2_040,
            width: 1_280,
            height: 720,
            sides: vec![720, 360],
            has_audio: true,
        }),
    }
}

/// A ledger with a clock that only moves when told to, and a generator of ids.
pub struct World {
    /// The ledger under test.
    pub ledger: Arc<dyn Ledger>,
    now_ms: AtomicI64,
    ids: Mutex<IdGenerator>,
}

impl World {
    /// A world at noon over an empty ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Arc<Self> {
        Arc::new(Self { ledger, now_ms: AtomicI64::new(NOON.0), ids: Mutex::new(IdGenerator::new(1, Timestamp(0))) })
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }

    pub fn advance(&self, duration_ms: i64) {
        self.now_ms.fetch_add(duration_ms, Ordering::SeqCst);
    }

    pub fn id(&self) -> u64 {
        self.ids.lock().next(self.now())
    }

    /// An account to be made, with a name of its own.
    pub fn new_user(&self) -> NewUser {
        let id = UserId(self.id());
        NewUser {
            id,
            username: Username::parse(&format!("person_{id}")).expect("a valid name"),
            display_name: format!("Person {id}"),
            password_hash: format!("$argon2id$of-{id}"),
            created_at: self.now(),
        }
    }

    pub async fn user(&self) -> UserId {
        let new = self.new_user();
        let id = new.id;
        let outcome = self.ledger.create_user(new).await.expect("create_user");
        assert_eq!(outcome, CreateUserOutcome::Created, "a free name makes an account");
        id
    }

    pub async fn users(self: &Arc<Self>, count: usize) -> Vec<UserId> {
        at_once((0..count).map(|_| {
            let world = Arc::clone(self);
            async move { world.user().await }
        }))
        .await
    }

    /// An account as it stands.
    pub async fn account(&self, id: UserId) -> User {
        let found = self.ledger.users(&[id]).await.expect("users");
        found.into_iter().next().expect("an account that was made is found")
    }

    /// An upload of `user_id` to be opened.
    pub fn new_upload(&self, user_id: UserId) -> NewUpload {
        let now = self.now();
        let number = self.id();
        // The layout of a version 7 UUID: 48 bits of time, then the rest, here an id instead of chance.
        let text = format!(
            "{:08x}-{:04x}-7000-8{:03x}-{:012x}",
            now.0 >> 16,
            now.0 & 0xFFFF,
            number >> 48,
            number & 0xFFFF_FFFF_FFFF
        );
        let id: UploadId = text.parse().expect("a UUID");
        let upload = Upload {
            id,
            user_id,
            object_key: media::original_key(user_id, id, now.0, "jpg"),
            content_type: "image/jpeg".to_owned(),
            file_size_bytes: 123_456,
            checksum_sha256: None,
            multipart_id: None,
            status: UploadStatus::Pending,
            caption: String::new(),
            alt_text: String::new(),
            error: None,
            post_id: None,
            created_at: now,
            expires_at: now.plus_ms(PRESIGN_SECONDS as i64 * 1_000),
        };
        NewUpload { upload, idempotency_key: None, daily_quota: None, max_pending: None }
    }

    /// Opens an upload without a quota.
    pub async fn open(&self, user_id: UserId) -> Upload {
        let new = self.new_upload(user_id);
        let upload = new.upload.clone();
        let outcome = self.ledger.create_upload(new).await.expect("create_upload");
        assert_eq!(outcome, CreateUploadOutcome::Created, "a new upload without a quota is opened");
        upload
    }

    /// Opens an upload under a daily quota; whether there was room.
    pub async fn open_within(&self, user_id: UserId, daily_quota: u32) -> Option<Upload> {
        let new = NewUpload { daily_quota: Some(daily_quota), ..self.new_upload(user_id) };
        let upload = new.upload.clone();
        match self.ledger.create_upload(new).await.expect("create_upload") {
            CreateUploadOutcome::Created => Some(upload),
            CreateUploadOutcome::QuotaExceeded | CreateUploadOutcome::TooManyPending => None,
            CreateUploadOutcome::Existing(_) => panic!("a new id without a key is no existing upload"),
        }
    }

    pub async fn complete(&self, upload: &Upload) -> CompleteUploadOutcome {
        let (caption, alt_text) = ("Evening at the #Lake", "A lake");
        self.ledger
            .complete_upload(upload.id, upload.user_id, caption, alt_text, self.now(), ROOMY_QUEUE)
            .await
            .expect("complete_upload")
    }

    /// Opens and completes an upload, so that its job waits.
    pub async fn queue(&self, user_id: UserId) -> Upload {
        let upload = self.open(user_id).await;
        assert_eq!(self.complete(&upload).await, CompleteUploadOutcome::Queued, "a pending upload is queued");
        upload
    }

    /// An upload as it stands.
    pub async fn upload(&self, id: UploadId) -> Upload {
        self.ledger.upload(id).await.expect("upload").expect("an upload that was opened is found")
    }

    /// Claims up to `limit` jobs for [`LEASE_MS`].
    pub async fn claim(&self, limit: usize) -> Vec<MediaJob> {
        self.ledger.claim_jobs(limit, limit, LEASE_MS, self.now()).await.expect("claim_jobs")
    }

    /// Claims the one job that is due.
    pub async fn claim_one(&self) -> MediaJob {
        let mut jobs = self.claim(1).await;
        assert_eq!(jobs.len(), 1, "a due job is handed out");
        jobs.remove(0)
    }

    /// What a worker hands in for a job, with a fresh post id.
    pub fn finished(&self, job: &MediaJob) -> FinishedMedia {
        FinishedMedia {
            post_id: PostId(self.id()),
            media: MediaRecord {
                kind: MediaKind::Image,
                upload_id: job.upload.id,
                blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
                width: 1_080,
                height: 720,
                details: media_details(),
            },
            hashtags: text::hashtags(&job.upload.caption),
            embedding: None,
            now: self.now(),
        }
    }

    /// Finishes a job that is held.
    pub async fn finish(&self, job: &MediaJob) -> PostId {
        let finished = self.finished(job);
        let outcome = self.ledger.finish_job(job.upload.id, job.lease_token, finished).await.expect("finish_job");
        match outcome {
            FinishJobOutcome::Posted(post_id) => post_id,
            FinishJobOutcome::LeaseLost => panic!("a held job can be finished"),
        }
    }

    /// Takes one picture of `author_id` all the way from upload to post. No other job may be due.
    pub async fn post(&self, author_id: UserId) -> PostId {
        let upload = self.queue(author_id).await;
        let job = self.claim_one().await;
        assert_eq!(job.upload.id, upload.id, "the only due job is the one that was queued");
        self.finish(&job).await
    }

    /// Makes `count` posts, oldest first, a second apart.
    pub async fn posts(&self, author_id: UserId, count: usize) -> Vec<PostId> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.post(author_id).await);
            self.advance(1_000);
        }
        ids
    }

    /// Follows, with no celebrities about.
    pub async fn follow(&self, follower_id: UserId, followee_id: UserId) -> FollowOutcome {
        self.ledger.follow(follower_id, followee_id, self.now(), NO_CELEBRITIES).await.expect("follow")
    }

    /// Unfollows, with no celebrities about.
    pub async fn unfollow(&self, follower_id: UserId, followee_id: UserId) -> bool {
        self.ledger.unfollow(follower_id, followee_id, self.now(), NO_CELEBRITIES).await.expect("unfollow")
    }

    /// Applies one batch of counter operations.
    pub async fn apply(&self, post_id: PostId, shard: u16, operations: &[CounterOperation]) -> CounterBatch {
        let batch = self.ledger.apply_counter_batch(post_id, shard, operations, self.now()).await;
        let batch = batch.expect("apply_counter_batch");
        assert_eq!(batch.outcomes.len(), operations.len(), "every operation has an outcome");
        batch
    }

    /// An operation that adds a comment with a fresh id.
    pub fn comment(&self, user_id: UserId, idempotency_key: Option<&str>) -> (CommentId, CounterOperation) {
        let comment_id = CommentId(self.id());
        let idempotency_key = idempotency_key.map(str::to_owned);
        (comment_id, CounterOperation::AddComment { comment_id, user_id, text: "Lovely".to_owned(), idempotency_key })
    }

    /// All counter rows of a post, by shard.
    pub async fn rows(&self, post_id: PostId) -> Vec<ShardCounts> {
        let rows = self.ledger.shard_counts(&[post_id]).await.expect("shard_counts");
        assert!(rows.iter().all(|(id, _)| *id == post_id), "only rows of the posts asked for");
        let mut rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.shard);
        assert!(rows.windows(2).all(|pair| pair[0].shard != pair[1].shard), "one row per shard");
        assert!(rows.iter().all(|row| row.likes >= 0 && row.comments >= 0), "no shard is negative: {rows:?}");
        rows
    }

    /// A post's totals from its rows.
    pub async fn counts(&self, post_id: PostId) -> Counts {
        let rows = self.rows(post_id).await;
        Counts {
            likes: rows.iter().map(|row| row.likes).sum::<i64>() as u64,
            comments: rows.iter().map(|row| row.comments).sum::<i64>() as u64,
        }
    }

    /// Takes every due event out of the outbox, in order.
    pub async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let claimed = self.ledger.claim_events(MAX_PAGE, LEASE_MS, self.now()).await.expect("claim_events");
            if claimed.is_empty() {
                return events;
            }
            let handled: Vec<_> = claimed.iter().map(|event| (event.id, event.lease_token)).collect();
            self.ledger.acknowledge_events(&handled).await.expect("acknowledge_events");
            events.extend(claimed.into_iter().map(|event| event.event));
        }
    }
}

pub fn like(user_id: UserId) -> CounterOperation {
    CounterOperation::Like { user_id }
}

/// A like taken back.
pub fn unlike(user_id: UserId) -> CounterOperation {
    CounterOperation::Unlike { user_id }
}

/// Runs all futures at once, each in a task of its own, and gives their results in order.
pub async fn at_once<T, Fut>(futures: impl IntoIterator<Item = Fut>) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        match task.await {
            Ok(result) => results.push(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => panic!("a task of this check was cancelled"),
        }
    }
    results
}

/// A copy of `values` in ascending order, to compare sets that come in any order.
pub fn sorted<T: Ord + Clone>(values: &[T]) -> Vec<T> {
    let mut values = values.to_vec();
    values.sort();
    values
}
