//! Media jobs: leased, retried, given up, and turned into posts.
//!
//! Attempts are spent at the claim, so that a job which kills its worker is given up as well. A claim puts a fresh
//! token on the job; whoever comes with another one has lost the lease. Claims wait for each other, because
//! fairness between users looks at all jobs at once. Rows are locked job first, then upload, then quota.

use super::{
    embeddings::put_embeddings,
    posts::insert_post,
    rows::*,
    transaction::Scope,
    uploads::{fail_uploads, lock_upload, move_quota},
};
use tessera_domain::{
    Timestamp, UploadId, UserId,
    event::Event,
    post::Post,
    upload::{SWEEP_GRACE_MS, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    ledger::{FinishJobOutcome, FinishedMedia, JobView, MAX_JOB_ATTEMPTS, MediaJob},
};

/// What a user reads where no attempt lived long enough to say what was wrong.
const NO_REASON: &str = "processing was cut short at every attempt";
/// The advisory lock that claims hold. Any number that nothing else in the database uses.
const CLAIM_LOCK: i64 = 0x7E55_E8A0_0000_0001;

/// A row of `media_jobs`, as operators see it.
#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    upload_id: Vec<u8>,
    user_id: i64,
    state: String,
    attempts: i64,
    last_error: Option<String>,
    created_at: i64,
}

impl JobRow {
    pub fn into_view(self) -> StoreResult<JobView> {
        Ok(JobView {
            upload_id: upload_id(&self.upload_id)?,
            user_id: UserId::from_i64(self.user_id),
            state: parse_job_state(&self.state)?,
            attempts: small(self.attempts),
            last_error: self.last_error,
            created_at: Timestamp(self.created_at),
        })
    }
}

/// Who claims how many jobs until when.
pub(super) struct Claim {
    pub limit: usize,
    /// How many of them may be videos.
    pub max_videos: usize,
    pub lease_ms: i64,
    pub now: Timestamp,
    /// The high bits of the tokens.
    pub lease_prefix: i64,
}

#[derive(sqlx::FromRow)]
struct LeasedRow {
    attempts: i64,
    queued_at: i64,
    lease_token: i64,
    #[sqlx(flatten)]
    upload: UploadRow,
}

/// Buries the jobs whose attempts are spent, then leases what is due, fair between users.
///
/// A user's place in the queue counts the jobs that are under way for them, so that taking one job at a
/// time is as fair as taking many.
pub(super) async fn claim(scope: &mut Scope, claim: &Claim) -> StoreResult<Vec<MediaJob>> {
    // In a statement of its own: the next ones then see what the claim before has done.
    scope.execute(sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CLAIM_LOCK)).await?;
    bury_spent(scope, claim.now).await?;
    let lease = sqlx::query_as::<_, LeasedRow>(
        "WITH places AS (
             SELECT id, upload_id, due_at, row_number() OVER (
                 PARTITION BY user_id ORDER BY state = 'leased' AND due_at > $1 DESC, id) AS turn
             FROM media_jobs WHERE state = 'leased' OR state = 'queued' AND due_at <= $1),
         kinds AS (
             SELECT places.id, turn, content_type LIKE 'video/%' AS is_video, row_number() OVER (
                 PARTITION BY content_type LIKE 'video/%' ORDER BY turn, places.id) AS of_kind
             FROM places JOIN uploads ON uploads.id = places.upload_id WHERE places.due_at <= $1),
         due AS (SELECT id, turn FROM kinds WHERE NOT is_video OR of_kind <= $5 ORDER BY turn, id LIMIT $2),
         leased AS (
             UPDATE media_jobs AS job SET state = 'leased', attempts = attempts + 1, due_at = $3,
                 lease_token = $4 + floor(random() * 281474976710656)::bigint
             FROM due WHERE job.id = due.id AND job.due_at <= $1 AND job.state <> 'dead'
             RETURNING job.id AS job_id, due.turn, job.upload_id, job.attempts, job.created_at AS queued_at, job.lease_token)
         SELECT leased.attempts, leased.queued_at, leased.lease_token, uploads.*
         FROM leased JOIN uploads ON uploads.id = leased.upload_id ORDER BY leased.turn, leased.job_id",
    );
    let lease = lease
        .bind(claim.now.0)
        .bind(limit(claim.limit))
        .bind(claim.now.plus_ms(claim.lease_ms).0)
        .bind(claim.lease_prefix)
        .bind(limit(claim.max_videos));
    let rows = scope.fetch_all(lease).await?;
    let job = |row: LeasedRow| {
        Ok(MediaJob {
            upload: row.upload.into_upload()?,
            attempt: small(row.attempts),
            queued_at: Timestamp(row.queued_at),
            lease_token: row.lease_token as u64,
        })
    };
    rows.into_iter().map(job).collect()
}

async fn bury_spent(scope: &mut Scope, now: Timestamp) -> StoreResult<()> {
    let update = sqlx::query_as(
        "UPDATE media_jobs SET state = 'dead', lease_token = NULL, last_error = coalesce(last_error, $3)
         WHERE state = 'leased' AND due_at <= $1 AND attempts >= $2 RETURNING upload_id, last_error",
    );
    let update = update.bind(now.0).bind(i64::from(MAX_JOB_ATTEMPTS)).bind(NO_REASON);
    let buried: Vec<(Vec<u8>, String)> = scope.fetch_all(update).await?;
    if buried.is_empty() {
        return Ok(());
    }
    let (ids, reasons) = buried.into_iter().unzip();
    fail_uploads(scope, ids, reasons, now).await
}

/// Makes the post of an upload, unless it has one: then that is the answer, whoever asks.
pub(super) async fn finish(
    scope: &mut Scope,
    id: UploadId,
    lease_token: u64,
    finished: &FinishedMedia,
) -> StoreResult<FinishJobOutcome> {
    let delete = sqlx::query("DELETE FROM media_jobs WHERE upload_id = $1 AND lease_token = $2");
    let held = scope.execute(delete.bind(upload_key(&id)).bind(lease_token as i64)).await? == 1;
    let Some(upload) = lock_upload(scope, id).await? else { return Ok(FinishJobOutcome::LeaseLost) };
    if let Some(post_id) = upload.post_id {
        let delete = sqlx::query("DELETE FROM media_jobs WHERE upload_id = $1");
        scope.execute(delete.bind(upload_key(&id))).await?;
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
        put_embeddings(scope, &[(post.id, embedding.clone())]).await?;
    }
    let created = scope.events(&[Event::PostCreated { post_id: post.id, author_id: post.author_id }])?;
    let update = sqlx::query(
        "WITH told AS (INSERT INTO outbox (event) SELECT * FROM unnest($4::text[]))
         UPDATE uploads SET status = $2, post_id = $3, error = NULL WHERE id = $1",
    );
    let update = update.bind(upload_key(&id)).bind(UploadStatus::Completed.as_str());
    scope.execute(update.bind(post.id.to_i64()).bind(created)).await?;
    Ok(FinishJobOutcome::Posted(post.id))
}

/// What a worker says of an attempt that failed.
pub(super) struct FailedAttempt<'a> {
    pub id: UploadId,
    pub lease_token: u64,
    pub reason: &'a str,
    pub retry_at: Option<Timestamp>,
    pub now: Timestamp,
}

/// Records a failed attempt: the job waits until `retry_at`, or dies.
pub(super) async fn fail(scope: &mut Scope, failed: &FailedAttempt<'_>) -> StoreResult<bool> {
    let FailedAttempt { id, lease_token, reason, retry_at, now } = *failed;
    let update = sqlx::query_as(
        "UPDATE media_jobs SET lease_token = NULL, due_at = coalesce($4, due_at), last_error = $3,
             state = CASE WHEN $4::bigint IS NULL OR attempts >= $5 THEN 'dead' ELSE 'queued' END
         WHERE upload_id = $1 AND lease_token = $2 RETURNING state",
    );
    let update = update
        .bind(upload_key(&id))
        .bind(lease_token as i64)
        .bind(reason)
        .bind(retry_at.map(|at| at.0))
        .bind(i64::from(MAX_JOB_ATTEMPTS));
    let Some((state,)): Option<(String,)> = scope.fetch_optional(update).await? else { return Ok(false) };
    if state == "dead" {
        fail_uploads(scope, vec![upload_key(&id).to_vec()], vec![reason.to_owned()], now).await?;
    }
    Ok(true)
}

/// Queues a dead job anew; its upload holds a unit of quota again, whatever the limit is.
pub(super) async fn retry(scope: &mut Scope, id: UploadId, now: Timestamp) -> StoreResult<bool> {
    let revive = sqlx::query(
        "UPDATE media_jobs SET state = 'queued', attempts = 0, due_at = $2, created_at = $2
         WHERE upload_id = $1 AND state = 'dead'
         AND NOT EXISTS (SELECT FROM uploads WHERE id = $1 AND objects_due_at <= $3)",
    );
    // Not where its objects may be under deletion.
    let revive = revive.bind(upload_key(&id)).bind(now.0).bind(now.plus_ms(SWEEP_GRACE_MS).0);
    if scope.execute(revive).await? == 0 {
        return Ok(false);
    }
    let update = sqlx::query_as::<_, UploadRow>(
        "UPDATE uploads SET status = 'processing', error = NULL, objects_due_at = NULL WHERE id = $1 RETURNING *",
    );
    let upload = scope.fetch_one(update.bind(upload_key(&id))).await?.into_upload()?;
    move_quota(scope, &[upload], 1).await?;
    scope.wakes_media_jobs = true;
    Ok(true)
}
