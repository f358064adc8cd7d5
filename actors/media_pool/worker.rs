//! A worker of the pool: one attempt at one job.

use super::{
    core::{outage_delay_ms, retry_delay_ms, starved_delay_ms},
    failure::{Failure, store_failed},
    made::{Made, make_picture, put_pictures},
    message::{AttemptEnd, FactoryKey, Ticket},
    settings::{MediaPoolArgs, WorkerTools},
    video::{make_video, put_video},
};
use crate::limited::limited;
use ractor::{
    ActorProcessingErr,
    factory::{FactoryRef, Job, Worker, WorkerId},
};
use std::time::Duration;
use tessera_domain::{
    PostId, UploadId,
    media::{self, MediaRecord},
    text::hashtags,
    upload::{Upload, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    back_off::BackOff,
    clock,
    ledger::{Embedding, FinishJobOutcome, FinishedMedia, MediaJob},
};
use tokio::sync::watch;

/// How often the ledger is asked to finish a job whose outcome is unknown.
const FINISH_TRIES: u32 = 3;
/// The pauses between them.
const FINISH: BackOff = BackOff::new(Duration::from_millis(200), Duration::from_secs(1));
/// How long writing a percentage may take.
const PROGRESS_LIMIT: Duration = Duration::from_secs(1);

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
        let end = attempt(tools, &ticket).await;
        ticket.end(end);
        Ok(key)
    }
}

/// One attempt: whatever happens, the ledger is told.
async fn attempt(tools: &WorkerTools, ticket: &Ticket) -> AttemptEnd {
    let job = &ticket.job;
    let (id, attempt) = (job.upload.id, job.attempt);
    let progress = report_progress(tools, job.upload.id);
    let end = match make_post(tools, ticket, &progress).await {
        Ok(post_id) => {
            tracing::debug!(upload_id = %job.upload.id, %post_id, "a media job made a post");
            progress.send_replace(100);
            return AttemptEnd::Posted;
        }
        Err(Failure::LeaseLost) => return AttemptEnd::LeaseLost,
        Err(Failure::Final(reason)) => refuse(tools, job, &reason).await,
        Err(Failure::Passing(reason)) => fail(tools, job, reason, Some(retry_delay_ms(id, attempt))).await.map(drop),
        Err(Failure::Starved(reason)) => fail(tools, job, reason, starved_delay_ms(id, attempt)).await.map(drop),
        Err(Failure::Outage(reason)) => put_off(tools, job, reason).await.map(drop),
    };
    if let Err(error) = end {
        tracing::warn!(upload_id = %job.upload.id, %error, "cannot record a failed attempt; its lease will run out");
    }
    AttemptEnd::Failed
}

async fn make_post(tools: &WorkerTools, ticket: &Ticket, progress: &watch::Sender<u8>) -> Result<PostId, Failure> {
    let upload = &ticket.job.upload;
    let made = if media::is_video(&upload.content_type) {
        make_video(tools, ticket, progress).await?
    } else {
        make_picture(tools, upload, progress).await?
    };
    let keys = made.record.keys(upload.user_id);
    let published = publish(tools, &ticket.job, made, progress).await;
    if matches!(published, Err(Failure::LeaseLost)) {
        delete_made(tools, upload, &keys).await;
    }
    published
}

/// Stores everything, then makes the post of it.
async fn publish(
    tools: &WorkerTools,
    job: &MediaJob,
    made: Made,
    progress: &watch::Sender<u8>,
) -> Result<PostId, Failure> {
    let Made { record, embedding, pictures, video } = made;
    put_pictures(tools, &job.upload, pictures).await?;
    if let Some(video) = &video {
        put_video(tools, &job.upload, video).await?;
    }
    drop(video);
    progress.send_replace(95);
    finish(tools, job, record, embedding).await
}

/// Deletes what was stored for an upload that is over: there is no post that would take it along. Not the original: who
/// called the upload off has done so, and where its job is dead an operator may have it tried again.
async fn delete_made(tools: &WorkerTools, upload: &Upload, keys: &[String]) {
    let MediaPoolArgs { ledger, objects, settings, .. } = &*tools.args;
    let now = ledger.upload(upload.id).await;
    if !matches!(now, Ok(Some(now)) if now.status == UploadStatus::Failed) {
        return;
    }
    if let Err(error) = limited("object store", settings.store_limit, objects.delete(keys)).await {
        tracing::warn!(upload_id = %upload.id, %error, "cannot delete what was made of an upload that is over");
    }
}

async fn finish(
    tools: &WorkerTools,
    job: &MediaJob,
    media: MediaRecord,
    embedding: Option<Embedding>,
) -> Result<PostId, Failure> {
    let MediaPoolArgs { ledger, next_id, .. } = &*tools.args;
    let upload = &job.upload;
    let hashtags = hashtags(&upload.caption);
    let finished = FinishedMedia { post_id: PostId(next_id()), media, hashtags, embedding, now: clock::now() };
    let mut tries = 1;
    loop {
        match ledger.finish_job(upload.id, job.lease_token, finished.clone()).await {
            Ok(FinishJobOutcome::Posted(post_id)) => return Ok(post_id),
            Ok(FinishJobOutcome::LeaseLost) => return Err(Failure::LeaseLost),
            // Idempotent by upload, hence safe to send again whatever happened.
            Err(error) if error.is_transient() && tries < FINISH_TRIES => tokio::time::sleep(FINISH.pause(tries)).await,
            Err(error) => return Err(store_failed(upload, &error, "The post could not be stored.")),
        }
        tries += 1;
    }
}

/// Tells the ledger of a failed attempt, after which the job waits for so long or is dead; false where the lease was
/// lost.
async fn fail(tools: &WorkerTools, job: &MediaJob, reason: &str, delay_ms: Option<i64>) -> StoreResult<bool> {
    let MediaPoolArgs { ledger, .. } = &*tools.args;
    let now = clock::now();
    let retry_at = delay_ms.map(|delay_ms| now.plus_ms(delay_ms));
    ledger.fail_job(job.upload.id, job.lease_token, reason, retry_at, now).await
}

/// Gives a job back unspent, to be tried again when the store may be back; a very old one is dead.
async fn put_off(tools: &WorkerTools, job: &MediaJob, reason: &str) -> StoreResult<bool> {
    let MediaPoolArgs { ledger, .. } = &*tools.args;
    let (id, now) = (job.upload.id, clock::now());
    let Some(delay_ms) = outage_delay_ms(id, now.since_ms(job.queued_at)) else {
        return fail(tools, job, reason, None).await;
    };
    ledger.release_job(id, job.lease_token, now.plus_ms(delay_ms), Some(reason)).await
}

/// Refuses a file for good; its original goes, as nothing will read it again.
async fn refuse(tools: &WorkerTools, job: &MediaJob, reason: &str) -> StoreResult<()> {
    let MediaPoolArgs { objects, settings, .. } = &*tools.args;
    let upload = &job.upload;
    if fail(tools, job, reason, None).await? {
        let keys = [upload.object_key.clone()];
        if let Err(error) = limited("object store", settings.store_limit, objects.delete(&keys)).await {
            tracing::warn!(upload_id = %upload.id, %error, "cannot delete a refused original");
        }
    }
    Ok(())
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
