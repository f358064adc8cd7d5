//! Media jobs: leased, retried, given up, and turned into posts.
//!
//! Attempts are spent at the claim, so that a job which kills its worker is given up as well. A claim
//! puts a fresh random token on the job; whoever comes with another one has lost the lease.

use super::{
    embeddings::put_embedding,
    posts::insert_post,
    rows::*,
    uploads::{fail_upload, find_upload, move_quota},
    writer::WriteScope,
};
use std::collections::HashMap;
use tessera_domain::{
    Timestamp, UploadId, UserId,
    event::Event,
    post::Post,
    upload::{SWEEP_GRACE_MS, Upload, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    ledger::{FinishJobOutcome, FinishedMedia, JobView, MAX_JOB_ATTEMPTS, MediaJob},
};

/// What a user reads where no attempt lived long enough to say what was wrong.
const NO_REASON: &str = "processing was cut short at every attempt";

/// A row of `media_jobs`, as operators see it.
#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    upload_id: Vec<u8>,
    user_id: i64,
    state: String,
    attempts: u32,
    last_error: Option<String>,
    created_at: i64,
}

impl JobRow {
    pub fn into_view(self) -> StoreResult<JobView> {
        Ok(JobView {
            upload_id: upload_id(&self.upload_id)?,
            user_id: UserId::from_i64(self.user_id),
            state: parse_job_state(&self.state)?,
            attempts: self.attempts,
            last_error: self.last_error,
            created_at: Timestamp(self.created_at),
        })
    }
}

/// Queues the job of an upload; false where `max_queued` are waiting already.
pub(super) async fn enqueue(
    scope: &mut WriteScope,
    upload: &Upload,
    now: Timestamp,
    max_queued: u64,
) -> StoreResult<bool> {
    let insert = sqlx::query(
        "INSERT INTO media_jobs (upload_id, user_id, state, attempts, due_at, created_at)
         SELECT ?1, ?2, 'queued', 0, ?3, ?3
         WHERE (SELECT count(*) FROM media_jobs WHERE state = 'queued') < ?4",
    );
    let insert =
        insert.bind(&upload.id.0.as_bytes()[..]).bind(upload.user_id.to_i64()).bind(now.0).bind(signed(max_queued));
    let queued = scope.execute(insert).await? == 1;
    if queued {
        scope.wake_media_jobs();
    }
    Ok(queued)
}

/// Buries the jobs whose attempts are spent, then leases what is due, fair between users.
///
/// A user's place in the queue counts the jobs that are under way for them, so that taking one job at a
/// time is as fair as taking many.
pub(super) async fn claim(
    scope: &mut WriteScope,
    page: usize,
    max_videos: usize,
    lease_ms: i64,
    now: Timestamp,
) -> StoreResult<Vec<MediaJob>> {
    bury_spent(scope, now).await?;
    let due: Vec<DueRow> = scope
        .fetch_all(
            sqlx::query_as(
                "WITH place AS (
                     SELECT id AS job_id, upload_id, due_at,
                            row_number() OVER (
                                PARTITION BY user_id ORDER BY state = 'leased' AND due_at > ?1 DESC, id) AS turn
                     FROM media_jobs WHERE state = 'leased' OR state = 'queued' AND due_at <= ?1),
                 due AS (
                     SELECT place.job_id, place.turn, u.*, u.content_type LIKE 'video/%' AS is_video,
                            row_number() OVER (
                                PARTITION BY u.content_type LIKE 'video/%' ORDER BY place.turn, place.job_id) AS of_kind
                     FROM place JOIN uploads u ON u.id = place.upload_id WHERE place.due_at <= ?1)
                 SELECT * FROM due WHERE NOT is_video OR of_kind <= ?3 ORDER BY turn, job_id LIMIT ?2",
            )
            .bind(now.0)
            .bind(limit(page))
            .bind(limit(max_videos)),
        )
        .await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let lease = sqlx::query_as(
        "UPDATE media_jobs SET state = 'leased', attempts = attempts + 1, lease_token = random(), due_at = ?2
         WHERE id IN (SELECT value FROM json_each(?1)) RETURNING id, attempts, lease_token, created_at",
    );
    let lease = lease.bind(json_list(due.iter().map(|row| row.job_id))).bind(now.plus_ms(lease_ms).0);
    let leased: Vec<(i64, u32, i64, i64)> = scope.fetch_all(lease).await?;
    let mut leases: HashMap<i64, (u32, i64, i64)> =
        leased.into_iter().map(|(id, attempt, token, queued_at)| (id, (attempt, token, queued_at))).collect();
    let mut claimed = Vec::with_capacity(due.len());
    for row in due {
        if let Some((attempt, token, queued_at)) = leases.remove(&row.job_id) {
            let (upload, queued_at) = (row.upload.into_upload()?, Timestamp(queued_at));
            claimed.push(MediaJob { upload, attempt, queued_at, lease_token: token as u64 });
        }
    }
    Ok(claimed)
}

#[derive(sqlx::FromRow)]
struct DueRow {
    job_id: i64,
    #[sqlx(flatten)]
    upload: UploadRow,
}

async fn bury_spent(scope: &mut WriteScope, now: Timestamp) -> StoreResult<()> {
    let update = sqlx::query_as(
        "UPDATE media_jobs SET state = 'dead', lease_token = NULL, last_error = coalesce(last_error, ?3)
         WHERE state = 'leased' AND due_at <= ?1 AND attempts >= ?2 RETURNING upload_id, last_error",
    );
    let buried: Vec<(Vec<u8>, String)> =
        scope.fetch_all(update.bind(now.0).bind(MAX_JOB_ATTEMPTS).bind(NO_REASON)).await?;
    for (id, reason) in buried {
        fail_upload(scope, upload_id(&id)?, &reason, now).await?;
    }
    Ok(())
}

/// Prolongs a lease that is still held.
pub(super) async fn extend_lease(
    scope: &mut WriteScope,
    id: UploadId,
    lease_token: u64,
    lease_until: Timestamp,
) -> StoreResult<bool> {
    let update = sqlx::query("UPDATE media_jobs SET due_at = ?3 WHERE upload_id = ?1 AND lease_token = ?2");
    let update = update.bind(&id.0.as_bytes()[..]).bind(lease_token as i64).bind(lease_until.0);
    Ok(scope.execute(update).await? == 1)
}

/// Makes the post of an upload, unless it has one: then that is the answer, whoever asks.
pub(super) async fn finish(
    scope: &mut WriteScope,
    id: UploadId,
    lease_token: u64,
    finished: FinishedMedia,
) -> StoreResult<FinishJobOutcome> {
    let Some(upload) = find_upload(scope, id).await? else { return Ok(FinishJobOutcome::LeaseLost) };
    if let Some(post_id) = upload.post_id {
        let delete = sqlx::query("DELETE FROM media_jobs WHERE upload_id = ?1");
        scope.execute(delete.bind(&id.0.as_bytes()[..])).await?;
        return Ok(FinishJobOutcome::Posted(post_id));
    }
    let delete = sqlx::query("DELETE FROM media_jobs WHERE upload_id = ?1 AND lease_token = ?2");
    if scope.execute(delete.bind(&id.0.as_bytes()[..]).bind(lease_token as i64)).await? == 0 {
        return Ok(FinishJobOutcome::LeaseLost);
    }
    let post = Post {
        id: finished.post_id,
        author_id: upload.user_id,
        caption: upload.caption,
        alt_text: upload.alt_text,
        hashtags: finished.hashtags,
        media: finished.media,
        edited_at: None,
    };
    insert_post(scope, &post, &upload.object_key).await?;
    if let Some(embedding) = &finished.embedding {
        put_embedding(scope, post.id, embedding).await?;
    }
    let update = sqlx::query("UPDATE uploads SET status = ?2, post_id = ?3, error = NULL WHERE id = ?1");
    let update = update.bind(&id.0.as_bytes()[..]).bind(UploadStatus::Completed.as_str()).bind(post.id.to_i64());
    scope.execute(update).await?;
    scope.record(&Event::PostCreated { post_id: post.id, author_id: post.author_id }).await?;
    Ok(FinishJobOutcome::Posted(post.id))
}

/// Records a failed attempt: the job waits until `retry_at`, or dies.
pub(super) async fn fail(
    scope: &mut WriteScope,
    id: UploadId,
    lease_token: u64,
    reason: &str,
    retry_at: Option<Timestamp>,
    now: Timestamp,
) -> StoreResult<bool> {
    let update = sqlx::query_as(
        "UPDATE media_jobs SET state = iif(?4 IS NULL OR attempts >= ?5, 'dead', 'queued'), lease_token = NULL,
         due_at = coalesce(?4, due_at), last_error = ?3
         WHERE upload_id = ?1 AND lease_token = ?2 RETURNING state",
    );
    let update = update
        .bind(&id.0.as_bytes()[..])
        .bind(lease_token as i64)
        .bind(reason)
        .bind(retry_at.map(|at| at.0))
        .bind(MAX_JOB_ATTEMPTS);
    let Some((state,)): Option<(String,)> = scope.fetch_optional(update).await? else { return Ok(false) };
    if state == "dead" {
        fail_upload(scope, id, reason, now).await?;
    }
    Ok(true)
}

/// Gives a job back as if it had not been claimed.
pub(super) async fn release(
    scope: &mut WriteScope,
    id: UploadId,
    lease_token: u64,
    due_at: Timestamp,
    reason: Option<&str>,
) -> StoreResult<bool> {
    let update = sqlx::query(
        "UPDATE media_jobs SET state = 'queued', attempts = attempts - 1, lease_token = NULL, due_at = ?3,
             last_error = coalesce(?4, last_error)
         WHERE upload_id = ?1 AND lease_token = ?2",
    );
    let update = update.bind(&id.0.as_bytes()[..]).bind(lease_token as i64).bind(due_at.0).bind(reason);
    scope.wake_media_jobs();
    Ok(scope.execute(update).await? == 1)
}

/// Queues a dead job anew; its upload holds a unit of quota again, whatever the limit is.
pub(super) async fn retry(scope: &mut WriteScope, id: UploadId, now: Timestamp) -> StoreResult<bool> {
    let revive = sqlx::query(
        "UPDATE media_jobs SET state = 'queued', attempts = 0, due_at = ?2, created_at = ?2
         WHERE upload_id = ?1 AND state = 'dead'
         AND NOT EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND objects_due_at <= ?3)",
    );
    // Not where its objects may be under deletion.
    let revive = revive.bind(&id.0.as_bytes()[..]).bind(now.0).bind(now.plus_ms(SWEEP_GRACE_MS).0);
    if scope.execute(revive).await? == 0 {
        return Ok(false);
    }
    let update = sqlx::query_as::<_, UploadRow>(
        "UPDATE uploads SET status = 'processing', error = NULL, objects_due_at = NULL WHERE id = ?1 RETURNING *",
    );
    let upload = scope.fetch_one(update.bind(&id.0.as_bytes()[..])).await?.into_upload()?;
    move_quota(scope, &upload, 1).await?;
    scope.wake_media_jobs();
    Ok(true)
}
