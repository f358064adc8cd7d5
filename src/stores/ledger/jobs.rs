//! Media jobs: leased, retried, given up, and turned into posts.
//!
//! Attempts are spent at the claim, so that a job which kills its worker is given up as well. A claim puts a fresh
//! token on its jobs; whoever comes with another one has lost the lease. Claims wait for each other, because
//! fairness between users looks at all jobs at once. Rows are locked job first, then upload, then quota.

use super::{
    Scope,
    posts::insert_post,
    rows::*,
    uploads::{fail_uploads, lock_upload, move_quota},
};
use std::collections::HashMap;
use tessera_domain::{
    Timestamp, UploadId,
    event::Event,
    post::Post,
    upload::{SWEEP_GRACE_MS, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    ledger::{FinishJobOutcome, FinishedMedia, MAX_JOB_ATTEMPTS, MediaJob},
};

/// What a user reads where no attempt lived long enough to say what was wrong.
const NO_REASON: &str = "processing was cut short at every attempt";
/// The lock that claims hold. Any number that nothing else in the database uses.
const CLAIM_LOCK: i64 = 0x7E55_E8A0_0000_0001;

/// Who claims how many jobs until when.
pub(super) struct Claim {
    pub limit: usize,
    /// How many of them may be videos.
    pub max_videos: usize,
    pub lease_ms: i64,
    pub now: Timestamp,
    pub lease_token: i64,
}

#[derive(sqlx_macros::FromRow)]
struct DueRow {
    job_id: i64,
    #[sqlx(flatten)]
    upload: UploadRow,
}

/// Buries the jobs whose attempts are spent, then leases what is due, fair between users.
///
/// A user's place in the queue counts the jobs that are under way for them, so that taking one job at a
/// time is as fair as taking many.
pub(super) async fn claim<S: Scope>(scope: &mut S, claim: &Claim) -> StoreResult<Vec<MediaJob>> {
    scope.wait_for_lock(CLAIM_LOCK).await?;
    bury_spent(scope, claim.now).await?;
    let due = sql!(
        "WITH place AS (
             SELECT id AS job_id, upload_id, due_at, row_number() OVER (
                 PARTITION BY user_id ORDER BY state = 'leased' AND due_at > $1 DESC, id) AS turn
             FROM media_jobs WHERE state = 'leased' OR state = 'queued' AND due_at <= $1),
         due AS (
             SELECT place.job_id, place.turn, u.*, u.content_type LIKE 'video/%' AS is_video, row_number() OVER (
                 PARTITION BY u.content_type LIKE 'video/%' ORDER BY place.turn, place.job_id) AS of_kind
             FROM place JOIN uploads u ON u.id = place.upload_id WHERE place.due_at <= $1)
         SELECT * FROM due WHERE NOT is_video OR of_kind <= $3 ORDER BY turn, job_id LIMIT $2"
    );
    let due: Vec<DueRow> = scope.fetch_all(due.bind(claim.now).bind(claim.limit).bind(claim.max_videos)).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let lease = sql!(
        "UPDATE media_jobs SET state = 'leased', attempts = attempts + 1, lease_token = $3, due_at = $2
         WHERE id " [any "$1"] " AND due_at <= $4 AND state <> 'dead' RETURNING id, attempts, created_at"
    );
    let ids: Vec<i64> = due.iter().map(|row| row.job_id).collect();
    let lease = lease.bind(ids).bind(claim.now.plus_ms(claim.lease_ms)).bind(claim.lease_token).bind(claim.now);
    let leased: Vec<(i64, i64, i64)> = scope.fetch_all(lease).await?;
    let leased: HashMap<i64, (u32, Timestamp)> =
        leased.into_iter().map(|(id, attempt, queued_at)| (id, (small(attempt), Timestamp(queued_at)))).collect();
    let job = |row: DueRow| {
        let (attempt, queued_at) = *leased.get(&row.job_id)?;
        let upload = row.upload.into_upload();
        Some(MediaJob { upload, attempt, queued_at, lease_token: claim.lease_token as u64 })
    };
    Ok(due.into_iter().filter_map(job).collect())
}

#[derive(sqlx_macros::FromRow)]
struct BuriedRow {
    upload_id: Stored<UploadId>,
    last_error: String,
}

async fn bury_spent<S: Scope>(scope: &mut S, now: Timestamp) -> StoreResult<()> {
    let update = sql!(
        "UPDATE media_jobs SET state = 'dead', lease_token = NULL, last_error = coalesce(last_error, $3)
         WHERE state = 'leased' AND due_at <= $1 AND attempts >= $2 RETURNING upload_id, last_error"
    );
    let buried: Vec<BuriedRow> = scope.fetch_all(update.bind(now).bind(MAX_JOB_ATTEMPTS).bind(NO_REASON)).await?;
    let failures = buried.into_iter().map(|row| (row.upload_id.0, row.last_error)).collect();
    fail_uploads(scope, failures, now).await
}

/// Makes the post of an upload, unless it has one: then that is the answer, whoever asks.
pub(super) async fn finish<S: Scope>(
    scope: &mut S,
    id: UploadId,
    lease_token: u64,
    finished: &FinishedMedia,
) -> StoreResult<FinishJobOutcome> {
    let delete = sql!("DELETE FROM media_jobs WHERE upload_id = $1 AND lease_token = $2");
    let held = scope.execute(delete.bind(id).bind(lease_token as i64)).await? == 1;
    let Some(upload) = lock_upload(scope, id).await? else { return Ok(FinishJobOutcome::LeaseLost) };
    if let Some(post_id) = upload.post_id {
        scope.execute(sql!("DELETE FROM media_jobs WHERE upload_id = $1").bind(id)).await?;
        return Ok(FinishJobOutcome::Posted(post_id));
    }
    if !held {
        return Ok(FinishJobOutcome::LeaseLost);
    }
    let post = Post {
        id: finished.post_id,
        author_id: upload.user_id,
        caption: upload.caption,
        alt_text: upload.alt_text,
        hashtags: finished.hashtags.clone(),
        media: finished.media.clone(),
        edited_at: None,
    };
    insert_post(scope, &post, &upload.object_key).await?;
    if let Some(embedding) = &finished.embedding {
        scope.put_embeddings(&[(post.id, embedding.clone())]).await?;
    }
    let update = sql!("UPDATE uploads SET status = $2, post_id = $3, error = NULL WHERE id = $1");
    scope.execute(update.bind(id).bind(UploadStatus::Completed.as_str()).bind(post.id)).await?;
    scope.record(&Event::PostCreated { post_id: post.id, author_id: post.author_id }).await?;
    Ok(FinishJobOutcome::Posted(post.id))
}

/// What a worker says of an attempt that failed.
pub(super) struct FailedAttempt {
    pub id: UploadId,
    pub lease_token: u64,
    pub reason: String,
    pub retry_at: Option<Timestamp>,
    pub now: Timestamp,
}

/// Records a failed attempt: the job waits until `retry_at`, or dies.
pub(super) async fn fail<S: Scope>(scope: &mut S, failed: &FailedAttempt) -> StoreResult<bool> {
    let update = sql!(
        "UPDATE media_jobs SET lease_token = NULL, due_at = coalesce($4, due_at), last_error = $3,
             state = CASE WHEN $4 IS NULL OR attempts >= $5 THEN 'dead' ELSE 'queued' END
         WHERE upload_id = $1 AND lease_token = $2 RETURNING state"
    );
    let update = update.bind(failed.id).bind(failed.lease_token as i64).bind(&failed.reason);
    let update = update.bind(failed.retry_at).bind(MAX_JOB_ATTEMPTS);
    let Some((state,)): Option<(String,)> = scope.fetch_optional(update).await? else { return Ok(false) };
    if state == "dead" {
        fail_uploads(scope, vec![(failed.id, failed.reason.clone())], failed.now).await?;
    }
    Ok(true)
}

/// Gives a job back as if it had not been claimed.
pub(super) async fn release<S: Scope>(
    scope: &mut S,
    id: UploadId,
    lease_token: u64,
    due_at: Timestamp,
    reason: Option<&str>,
) -> StoreResult<bool> {
    let update = sql!(
        "UPDATE media_jobs SET state = 'queued', attempts = attempts - 1, lease_token = NULL, due_at = $3,
             last_error = coalesce($4, last_error)
         WHERE upload_id = $1 AND lease_token = $2"
    );
    let update = update.bind(id).bind(lease_token as i64).bind(due_at).bind(reason);
    let released = scope.execute(update).await? == 1;
    if released {
        scope.wake_media_jobs();
    }
    Ok(released)
}

/// Queues a dead job anew; its upload holds a unit of quota again, whatever the limit is.
pub(super) async fn retry<S: Scope>(scope: &mut S, id: UploadId, now: Timestamp) -> StoreResult<bool> {
    // Not where its objects may be under deletion.
    let revive = sql!(
        "UPDATE media_jobs SET state = 'queued', attempts = 0, due_at = $2, created_at = $2
         WHERE upload_id = $1 AND state = 'dead'
         AND NOT EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND objects_due_at <= $3)"
    );
    if scope.execute(revive.bind(id).bind(now).bind(now.plus_ms(SWEEP_GRACE_MS))).await? == 0 {
        return Ok(false);
    }
    let update =
        sql!("UPDATE uploads SET status = 'processing', error = NULL, objects_due_at = NULL WHERE id = $1 RETURNING *");
    let upload = UploadRow::into_upload(scope.fetch_one(update.bind(id)).await?);
    move_quota(scope, &[upload], 1).await?;
    scope.wake_media_jobs();
    Ok(true)
}
