//! A worker of the pool: one attempt at one job.

use super::{
    MediaPoolArgs,
    core::retry_delay_ms,
    message::{AttemptEnd, FactoryKey, Ticket},
};
use crate::limited::limited;
use bytes::Bytes;
use futures::future::try_join_all;
use ractor::{
    ActorProcessingErr,
    factory::{FactoryRef, Job, Worker, WorkerId},
};
use std::{sync::Arc, time::Duration};
use tessera_domain::{
    PostId, UploadId,
    media::{MediaDetails, MediaFile, MediaKind, MediaRecord, Variant, file_key},
    text::hashtags,
    upload::Upload,
};
use tessera_media::{MediaError, ProcessedImage, process_image};
use tessera_ports::{
    StoreError, StoreResult, clock,
    ledger::{FinishJobOutcome, FinishedMedia, MediaJob},
};
use tokio::sync::{Semaphore, watch};

/// How often the ledger is asked to finish a job whose outcome is unknown.
const FINISH_TRIES: u32 = 3;
/// The pause before the second of them; it doubles.
const FINISH_PAUSE: Duration = Duration::from_millis(200);
/// How long writing a percentage may take.
const PROGRESS_LIMIT: Duration = Duration::from_secs(1);

/// What the workers share. Cheap to clone.
#[derive(Clone)]
pub struct WorkerTools {
    args: Arc<MediaPoolArgs>,
    /// One permit per core, held by the computation itself: one that outlives its time limit cannot be
    /// stopped, and keeps its permit until it ends, so that there are never more of them than cores.
    cores: Arc<Semaphore>,
}

impl WorkerTools {
    pub(super) fn new(args: Arc<MediaPoolArgs>, cores: usize) -> Self {
        Self { args, cores: Arc::new(Semaphore::new(cores)) }
    }
}

impl ractor::Message for WorkerTools {}

/// A worker of the pool.
pub struct MediaWorker;

impl Worker for MediaWorker {
    type Key = FactoryKey;
    type Message = Ticket;
    type State = WorkerTools;
    type Arguments = WorkerTools;

    async fn pre_start(
        &self,
        _: WorkerId,
        _: &FactoryRef<FactoryKey, Ticket>,
        tools: WorkerTools,
    ) -> Result<WorkerTools, ActorProcessingErr> {
        Ok(tools)
    }

    async fn handle(
        &self,
        _: WorkerId,
        _: &FactoryRef<FactoryKey, Ticket>,
        Job { key, msg: ticket, .. }: Job<FactoryKey, Ticket>,
        tools: &mut WorkerTools,
    ) -> Result<FactoryKey, ActorProcessingErr> {
        let end = attempt(tools, &ticket.job).await;
        ticket.end(end);
        Ok(key)
    }
}

/// Why an attempt made no post.
enum Failure {
    /// The file's fault: no attempt will do better.
    Final(String),
    /// A store's or the machine's: another attempt may do better.
    Passing(&'static str),
    /// The lease is somebody else's.
    LeaseLost,
}

/// One attempt: whatever happens, the ledger is told.
async fn attempt(tools: &WorkerTools, job: &MediaJob) -> AttemptEnd {
    let progress = report_progress(tools, job.upload.id);
    let end = match make_post(tools, job, &progress).await {
        Ok(post_id) => {
            tracing::debug!(upload_id = %job.upload.id, %post_id, "a media job made a post");
            progress.send_replace(100);
            return AttemptEnd::Posted;
        }
        Err(Failure::LeaseLost) => return AttemptEnd::LeaseLost,
        Err(Failure::Final(reason)) => fail(tools, job, &reason, true).await,
        Err(Failure::Passing(reason)) => fail(tools, job, reason, false).await,
    };
    if let Err(error) = end {
        tracing::warn!(upload_id = %job.upload.id, %error, "cannot record a failed attempt; its lease will run out");
    }
    AttemptEnd::Failed
}

async fn make_post(tools: &WorkerTools, job: &MediaJob, progress: &watch::Sender<u8>) -> Result<PostId, Failure> {
    let upload = &job.upload;
    let original = download(tools, upload).await?;
    progress.send_replace(10);
    let image = process(tools, upload, original, progress).await?;
    let media = MediaRecord {
        kind: MediaKind::Image,
        upload_id: upload.id,
        blurhash: image.blurhash.clone(),
        width: image.large.width,
        height: image.large.height,
        details: MediaDetails {
            dominant_color: Some(image.dominant_color),
            perceptual_hash: Some(image.perceptual_hash),
            animated: image.animation.is_some(),
            video: None,
        },
    };
    put_variants(tools, upload, image).await?;
    progress.send_replace(95);
    finish(tools, job, media).await
}

async fn download(tools: &WorkerTools, upload: &Upload) -> Result<Bytes, Failure> {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    let max_bytes = settings.limits.max_bytes;
    match limited("object store", settings.store_limit, objects.get(&upload.object_key, max_bytes)).await {
        Ok(Some(original)) => Ok(original),
        Ok(None) => Err(Failure::Final("The uploaded file is gone.".to_owned())),
        Err(error @ StoreError::Refused { .. }) => {
            // Too large, or refused for a reason that is ours: only the first is the file's fault.
            let info = limited("object store", settings.store_limit, objects.head(&upload.object_key)).await;
            match info {
                Ok(Some(info)) if info.size_bytes > max_bytes => {
                    let error = MediaError::FileTooLarge { actual_bytes: info.size_bytes, max_bytes };
                    Err(Failure::Final(error.to_string()))
                }
                _ => Err(passing(upload, &error, "The uploaded file could not be read.")),
            }
        }
        Err(error) => Err(passing(upload, &error, "The uploaded file could not be read.")),
    }
}

/// Runs the codecs off the async threads, for at most the process limit.
async fn process(
    tools: &WorkerTools,
    upload: &Upload,
    original: Bytes,
    progress: &watch::Sender<u8>,
) -> Result<ProcessedImage, Failure> {
    let settings = &tools.args.settings;
    let (cores, limits) = (tools.cores.clone(), settings.limits.clone());
    let (declared, progress) = (upload.content_type.clone(), progress.clone());
    let work = async move {
        let permit = cores.acquire_owned().await.map_err(|error| error.to_string())?;
        let compute = move || {
            let _permit = permit;
            // A picture takes the stretch from 10 to 90 percent.
            process_image(&original, &declared, &limits, &|percent| {
                progress.send_replace(10 + (u32::from(percent) * 80 / 100) as u8);
            })
        };
        tokio::task::spawn_blocking(compute).await.map_err(|error| error.to_string())
    };
    match tokio::time::timeout(settings.process_limit, work).await {
        Ok(Ok(Ok(image))) => Ok(image),
        Ok(Ok(Err(error))) if error.is_retryable() => {
            Err(passing(upload, &error, "The picture could not be converted."))
        }
        Ok(Ok(Err(error))) => {
            tracing::info!(upload_id = %upload.id, code = error.code(), ?error, "an upload was refused");
            Err(Failure::Final(error.to_string()))
        }
        Ok(Err(error)) => Err(passing(upload, &error, "The picture could not be converted.")),
        Err(elapsed) => Err(passing(upload, &elapsed, "The picture took too long to convert.")),
    }
}

async fn put_variants(tools: &WorkerTools, upload: &Upload, image: ProcessedImage) -> Result<(), Failure> {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    let ProcessedImage { large, medium, thumbnail, avif, webp, animation, .. } = image;
    let mut files = vec![
        (MediaFile::Picture(Variant::Large), large),
        (MediaFile::Picture(Variant::Medium), medium),
        (MediaFile::Picture(Variant::Thumbnail), thumbnail),
        (MediaFile::Picture(Variant::Avif), avif),
        (MediaFile::Picture(Variant::Webp), webp),
    ];
    files.extend(animation.map(|animation| (MediaFile::Animation, animation)));
    let puts = files.into_iter().map(|(file, encoded)| async move {
        let key = file_key(upload.user_id, upload.id, file);
        let put = objects.put(&key, file.content_type(), Bytes::from(encoded.bytes));
        limited("object store", settings.store_limit, put).await
    });
    let stored = try_join_all(puts).await;
    stored.map(|_| ()).map_err(|error| passing(upload, &error, "The pictures could not be stored."))
}

async fn finish(tools: &WorkerTools, job: &MediaJob, media: MediaRecord) -> Result<PostId, Failure> {
    let MediaPoolArgs { ledger, next_id, settings, .. } = &*tools.args;
    let upload = &job.upload;
    let hashtags = hashtags(&upload.caption);
    let finished = FinishedMedia { post_id: PostId(next_id()), media, hashtags, embedding: None, now: clock::now() };
    let mut pause = FINISH_PAUSE;
    let mut tries = 1;
    loop {
        let work = ledger.finish_job(upload.id, job.lease_token, finished.clone());
        match limited("ledger", settings.store_limit, work).await {
            Ok(FinishJobOutcome::Posted(post_id)) => return Ok(post_id),
            Ok(FinishJobOutcome::LeaseLost) => return Err(Failure::LeaseLost),
            // Idempotent by upload, hence safe to send again whatever happened.
            Err(error) if error.is_transient() && tries < FINISH_TRIES => tokio::time::sleep(pause).await,
            Err(error) => return Err(passing(upload, &error, "The post could not be stored.")),
        }
        tries += 1;
        pause *= 2;
    }
}

/// Tells the ledger of a failed attempt; a final one takes the original along, as nothing will read it again.
async fn fail(tools: &WorkerTools, job: &MediaJob, reason: &str, is_final: bool) -> StoreResult<()> {
    let MediaPoolArgs { ledger, objects, settings, .. } = &*tools.args;
    let (upload, now) = (&job.upload, clock::now());
    let retry_at = (!is_final).then(|| now.plus_ms(retry_delay_ms(upload.id, job.attempt)));
    let work = ledger.fail_job(upload.id, job.lease_token, reason, retry_at, now);
    let was_ours = limited("ledger", settings.store_limit, work).await?;
    if is_final && was_ours {
        let keys = [upload.object_key.clone()];
        if let Err(error) = limited("object store", settings.store_limit, objects.delete(&keys)).await {
            tracing::warn!(upload_id = %upload.id, %error, "cannot delete a refused original");
        }
    }
    Ok(())
}

fn passing(upload: &Upload, error: &dyn std::fmt::Display, reason: &'static str) -> Failure {
    tracing::warn!(upload_id = %upload.id, %error, reason, "an attempt at a media job failed; it is tried again");
    Failure::Passing(reason)
}

/// Writes the latest percentage to the hot store whenever it moves, until the sender is dropped. Best effort.
fn report_progress(tools: &WorkerTools, upload_id: UploadId) -> watch::Sender<u8> {
    let (sender, mut receiver) = watch::channel(0);
    let args = tools.args.clone();
    tokio::spawn(async move {
        while receiver.changed().await.is_ok() {
            let percent = *receiver.borrow_and_update();
            // Nobody depends on it; the next percentage is another chance.
            let _ = limited("hot store", PROGRESS_LIMIT, args.hot.put_progress(upload_id, percent)).await;
        }
    });
    sender
}
