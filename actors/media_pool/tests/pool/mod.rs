//! The pool over a SQLite ledger and the in-process S3 server.

mod embedding;

use crate::limited::LimitedLedger;
use crate::{
    media_pool::{MediaPool, MediaPoolArgs, MediaPoolSettings, Scratch},
    testing::{Ground, alone, eventually},
    visual_search::Embedder,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tessera_cluster::Deadline;
use tessera_domain::{
    Timestamp,
    media::{Variant, variant_key},
    time::HOUR_MS,
    upload::{Upload, UploadStatus},
};
use tessera_media::{encode_jpeg, video::VideoTools};
use tessera_ports::{
    ObjectStore, StoreError, StoreResult, clock,
    ledger::{CompleteUploadOutcome, JobState},
    object_store::{ObjectBody, ObjectInfo, PresignedPut, StoredPart},
};
use tessera_stores::{local_s3::LocalS3, s3::S3ObjectStore};
use tokio::sync::Notify;

/// What the next reads of originals do instead of reading.
#[derive(Default)]
struct Trap {
    panics: AtomicUsize,
    hangs: AtomicUsize,
    outages: AtomicUsize,
    waits: AtomicUsize,
    go_on: Notify,
}

/// The real store with a trap in front of its reads.
struct Trapped {
    inner: S3ObjectStore,
    trap: Arc<Trap>,
}

fn take_one(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl ObjectStore for Trapped {
    async fn presign_put(&self, key: &str, kind: &str, size: u64, seconds: u64) -> StoreResult<PresignedPut> {
        self.inner.presign_put(key, kind, size, seconds).await
    }

    async fn presign_checked_put(
        &self,
        key: &str,
        content_type: &str,
        size_bytes: u64,
        checksum_sha256: &str,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.inner.presign_checked_put(key, content_type, size_bytes, checksum_sha256, valid_seconds).await
    }

    async fn begin_multipart(&self, key: &str, content_type: &str) -> StoreResult<String> {
        self.inner.begin_multipart(key, content_type).await
    }

    async fn presign_part(
        &self,
        key: &str,
        multipart_id: &str,
        part_number: u32,
        size_bytes: u64,
        valid_seconds: u64,
    ) -> StoreResult<PresignedPut> {
        self.inner.presign_part(key, multipart_id, part_number, size_bytes, valid_seconds).await
    }

    async fn stored_parts(&self, key: &str, multipart_id: &str) -> StoreResult<Option<Vec<StoredPart>>> {
        self.inner.stored_parts(key, multipart_id).await
    }

    async fn finish_multipart(&self, key: &str, multipart_id: &str, parts: &[StoredPart]) -> StoreResult<bool> {
        self.inner.finish_multipart(key, multipart_id, parts).await
    }

    async fn abort_multipart(&self, key: &str, multipart_id: &str) -> StoreResult<()> {
        self.inner.abort_multipart(key, multipart_id).await
    }

    async fn abort_old_multiparts(&self, key_prefix: &str, began_before: Timestamp) -> StoreResult<usize> {
        self.inner.abort_old_multiparts(key_prefix, began_before).await
    }

    async fn head(&self, key: &str) -> StoreResult<Option<ObjectInfo>> {
        self.inner.head(key).await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> StoreResult<Option<Bytes>> {
        if take_one(&self.trap.hangs) {
            std::future::pending::<()>().await;
        }
        if take_one(&self.trap.waits) {
            self.trap.go_on.notified().await;
        }
        if take_one(&self.trap.outages) {
            return Err(StoreError::Overloaded { store: "a store that is away" });
        }
        self.inner.get(key, max_bytes).await
    }

    async fn open(&self, key: &str, range: Option<RangeInclusive<u64>>) -> StoreResult<Option<ObjectBody>> {
        self.inner.open(key, range).await
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> StoreResult<()> {
        self.inner.put(key, content_type, bytes).await
    }

    async fn delete(&self, keys: &[String]) -> StoreResult<()> {
        self.inner.delete(keys).await
    }

    async fn delete_folder(&self, folder: &str) -> StoreResult<()> {
        self.inner.delete_folder(folder).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await
    }
}

struct Studio {
    ground: Ground,
    objects: Arc<Trapped>,
    trap: Arc<Trap>,
    pool: MediaPool,
    _server: LocalS3,
}

impl Studio {
    async fn open() -> Self {
        Self::open_with(None).await
    }

    async fn open_with(embedder: Option<Embedder>) -> Self {
        let ground = Ground::new().await;
        let (server, inner) = ground.objects().await;
        let trap = Arc::new(Trap::default());
        let objects = Arc::new(Trapped { inner, trap: trap.clone() });
        let ids = ground.next_id();
        let next_id = {
            let trap = trap.clone();
            Arc::new(move || {
                // Outside every time-limited call: the worker itself dies of it.
                assert!(!take_one(&trap.panics), "the trap");
                ids()
            })
        };
        let settings = MediaPoolSettings { workers: 2, ..MediaPoolSettings::default() };
        let pool = MediaPool::new(MediaPoolArgs {
            node: alone(),
            ledger: LimitedLedger::new(&ground.ledger, settings.store_limit),
            hot: ground.hot.clone(),
            objects: objects.clone(),
            video_tools: VideoTools::find(),
            scratch: Scratch::new(ground.folder.path().join("scratch")),
            embedder,
            next_id,
            settings,
        });
        Self { ground, objects, trap, pool, _server: server }
    }

    /// An upload whose job waits, with these bytes as its original (or none).
    async fn queue(&self, original: Option<Vec<u8>>) -> Upload {
        let user_id = self.ground.world.user().await;
        let upload = self.ground.world.open(user_id).await;
        if let Some(original) = original {
            self.objects.put(&upload.object_key, "image/jpeg", original.into()).await.expect("stored");
        }
        assert_eq!(self.ground.world.complete(&upload).await, CompleteUploadOutcome::Queued);
        upload
    }

    async fn start(&self) {
        self.pool.start(self.ground.root.get_cell()).await.expect("the pool starts");
    }

    async fn settled(&self, upload: &Upload) -> Upload {
        eventually("the upload settles", || async {
            let upload = self.ground.world.upload(upload.id).await;
            matches!(upload.status, UploadStatus::Completed | UploadStatus::Failed).then_some(upload)
        })
        .await
    }
}

fn photo() -> Vec<u8> {
    let (width, height) = (400u32, 300u32);
    let pixels: Vec<u8> = (0..width * height).flat_map(|at| [(at % 251) as u8, (at / width) as u8, 128]).collect();
    encode_jpeg(&pixels, width, height, 90).expect("a JPEG")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_becomes_a_post_with_all_its_variants() {
    let studio = Studio::open().await;
    studio.start().await;
    let upload = studio.queue(Some(photo())).await;
    let settled = studio.settled(&upload).await;
    assert_eq!((settled.status, settled.error.as_deref()), (UploadStatus::Completed, None));
    let post_id = settled.post_id.expect("a completed upload has its post");
    let posts = studio.ground.ledger.posts(&[post_id]).await.expect("posts");
    assert_eq!((posts[0].media.width, posts[0].media.height), (400, 300));
    assert_eq!(posts[0].hashtags, ["lake"]);
    for variant in Variant::ALL {
        let key = variant_key(upload.user_id, upload.id, variant);
        let info = studio.objects.head(&key).await.expect("head").expect("the variant is stored");
        assert_eq!(info.content_type.as_deref(), Some(variant.content_type()));
    }
    eventually("the progress is whole", || async {
        (studio.ground.hot.progress(upload.id).await.expect("progress") == Some(100)).then_some(())
    })
    .await;
    eventually("the pool rests", || async { (studio.pool.stats().busy == 0).then_some(()) }).await;
    assert_eq!((studio.pool.stats().done, studio.pool.stats().failed), (1, 0));
    assert_eq!(studio.pool.drain(Deadline::after(Duration::from_secs(5))).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_and_missing_files_fail_for_good_with_a_reason() {
    let studio = Studio::open().await;
    let (bad, missing) = (studio.queue(Some(b"no picture at all".to_vec())).await, studio.queue(None).await);
    studio.start().await;
    let bad_end = studio.settled(&bad).await;
    assert_eq!(bad_end.status, UploadStatus::Failed);
    assert!(bad_end.error.is_some_and(|reason| reason.contains("not a picture")));
    eventually("the original goes", || async {
        studio.objects.head(&bad.object_key).await.expect("head").is_none().then_some(())
    })
    .await;
    let missing_end = studio.settled(&missing).await;
    assert_eq!(missing_end.error.as_deref(), Some("The uploaded file is gone."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_costs_one_attempt_of_one_job() {
    let studio = Studio::open().await;
    studio.trap.panics.store(1, Ordering::SeqCst);
    let uploads = [studio.queue(Some(photo())).await, studio.queue(Some(photo())).await];
    studio.start().await;
    for upload in &uploads {
        assert_eq!(studio.settled(upload).await.status, UploadStatus::Completed);
    }
    eventually("both are counted", || async { (studio.pool.stats().done == 2).then_some(()) }).await;
    assert_eq!(studio.pool.stats().failed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_gives_back_what_does_not_end_in_time() {
    let studio = Studio::open().await;
    studio.trap.hangs.store(1, Ordering::SeqCst);
    let upload = studio.queue(Some(photo())).await;
    studio.start().await;
    eventually("the job is taken", || async { (studio.pool.stats().busy == 1).then_some(()) }).await;
    assert_eq!(studio.pool.drain(Deadline::after(Duration::from_millis(100))).await, 1);
    let jobs = studio.ground.ledger.jobs(Some(JobState::Queued), None, 10).await.expect("jobs");
    assert_eq!(jobs.iter().map(|job| (job.upload_id, job.attempts)).collect::<Vec<_>>(), [(upload.id, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_object_store_costs_no_attempt() {
    let studio = Studio::open().await;
    studio.ground.world.advance(clock::now().since_ms(studio.ground.world.now()));
    studio.trap.outages.store(2, Ordering::SeqCst);
    let upload = studio.queue(Some(photo())).await;
    studio.start().await;
    let waiting = eventually("the job is put off", || async {
        let waiting = studio.ground.ledger.jobs(Some(JobState::Queued), None, 10).await.expect("jobs").pop()?;
        waiting.last_error.is_some().then_some(waiting)
    })
    .await;
    assert_eq!(waiting.attempts, 0);
    assert_eq!(studio.settled(&upload).await.status, UploadStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waited_half_a_day_for_a_store_is_dead_and_can_be_tried_again() {
    let studio = Studio::open().await;
    studio.ground.world.advance(clock::now().since_ms(studio.ground.world.now()) - 13 * HOUR_MS);
    studio.trap.outages.store(1, Ordering::SeqCst);
    let upload = studio.queue(Some(photo())).await;
    studio.start().await;
    let dead = studio.settled(&upload).await;
    assert_eq!(dead.error.as_deref(), Some("The uploaded file could not be read."));
    assert!(studio.ground.ledger.retry_job(upload.id, clock::now()).await.expect("retry_job"));
    eventually("the photo is a post", || async { studio.ground.world.upload(upload.id).await.post_id }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_a_dead_job_leaves_the_original_for_another_try() {
    let studio = Studio::open().await;
    studio.trap.waits.store(1, Ordering::SeqCst);
    let upload = studio.queue(Some(photo())).await;
    studio.start().await;
    eventually("the job is taken", || async { (studio.trap.waits.load(Ordering::SeqCst) == 0).then_some(()) }).await;
    // Somebody else takes it over once its lease ran out, and fails as well.
    let ledger = &studio.ground.ledger;
    let late = clock::now().plus_ms(HOUR_MS);
    let held = ledger.claim_jobs(1, 1, HOUR_MS, late).await.expect("claim_jobs").remove(0);
    assert!(ledger.fail_job(upload.id, held.lease_token, "No room", None, late).await.expect("fail_job"));
    studio.trap.go_on.notify_one();
    eventually("the first worker gives up", || async { (studio.pool.stats().busy == 0).then_some(()) }).await;
    let large = variant_key(upload.user_id, upload.id, Variant::Large);
    assert!(studio.objects.head(&large).await.expect("head").is_none(), "what it made is gone");
    assert!(ledger.retry_job(upload.id, clock::now()).await.expect("retry_job"));
    eventually("the photo is a post", || async { studio.ground.world.upload(upload.id).await.post_id }).await;
}
