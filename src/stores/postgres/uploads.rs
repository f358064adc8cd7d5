//! Uploads and their quota; the media jobs are in [`jobs`].

use super::{PostgresLedger, jobs, lane::Effect, rows::*, transaction::Scope};
use async_trait::async_trait;
use tessera_domain::{
    Timestamp, UploadId, UserId,
    upload::{GIVEN_UP_KEPT_MS, SWEEP_GRACE_MS, Upload, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    ledger::{
        CancelUploadOutcome, CompleteUploadOutcome, CreateUploadOutcome, FinishJobOutcome, FinishedMedia, JobCounts,
        JobState, JobView, MediaJob, NewUpload, UploadLedger,
    },
};

/// What a user reads about an upload that was never completed.
const EXPIRED: &str = "the upload's URL ran out before the upload was completed";
/// What a user reads about an upload that they called off.
const CANCELLED: &str = "the upload was cancelled";

#[async_trait]
impl UploadLedger for PostgresLedger {
    async fn create_upload(&self, new: NewUpload) -> StoreResult<CreateUploadOutcome> {
        self.transact(&self.front, new, |scope, new| Box::pin(create_upload(scope, new))).await
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<Upload>> {
        let query = sqlx::query_as::<_, UploadRow>("SELECT * FROM uploads WHERE id = $1").bind(upload_key(&id));
        self.fetch_optional(query).await?.map(UploadRow::into_upload).transpose()
    }

    async fn complete_upload(
        &self,
        id: UploadId,
        user_id: UserId,
        caption: &str,
        alt_text: &str,
        now: Timestamp,
        max_queued: u64,
    ) -> StoreResult<CompleteUploadOutcome> {
        let completion = Completion { id, user_id, caption, alt_text, now, max_queued };
        self.transact(&self.front, completion, |scope, completion| Box::pin(complete_upload(scope, completion))).await
    }

    async fn cancel_upload(&self, id: UploadId, user_id: UserId, now: Timestamp) -> StoreResult<CancelUploadOutcome> {
        self.transact(&self.front, (id, user_id, now), |scope, (id, user_id, now)| {
            Box::pin(cancel_upload(scope, *id, *user_id, *now))
        })
        .await
    }

    async fn claim_jobs(
        &self,
        limit: usize,
        max_videos: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> StoreResult<Vec<MediaJob>> {
        let claim = jobs::Claim { limit, max_videos, lease_ms, now, lease_prefix: self.lease_prefix() };
        self.transact(&self.back, claim, |scope, claim| Box::pin(jobs::claim(scope, claim))).await
    }

    async fn extend_lease(&self, id: UploadId, lease_token: u64, lease_until: Timestamp) -> StoreResult<bool> {
        let update = sqlx::query("UPDATE media_jobs SET due_at = $3 WHERE upload_id = $1 AND lease_token = $2");
        let update = update.bind(upload_key(&id)).bind(lease_token as i64).bind(lease_until.0);
        Ok(self.back.execute(update).await? == 1)
    }

    async fn finish_job(
        &self,
        id: UploadId,
        lease_token: u64,
        finished: FinishedMedia,
    ) -> StoreResult<FinishJobOutcome> {
        self.transact(&self.back, (id, lease_token, finished), |scope, (id, lease_token, finished)| {
            Box::pin(jobs::finish(scope, *id, *lease_token, finished))
        })
        .await
    }

    async fn fail_job(
        &self,
        id: UploadId,
        lease_token: u64,
        reason: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let failure = jobs::FailedAttempt { id, lease_token, reason, retry_at, now };
        self.transact(&self.back, failure, |scope, failure| Box::pin(jobs::fail(scope, failure))).await
    }

    async fn release_job(
        &self,
        id: UploadId,
        lease_token: u64,
        due_at: Timestamp,
        reason: Option<&str>,
    ) -> StoreResult<bool> {
        let update = sqlx::query(
            "UPDATE media_jobs SET state = 'queued', attempts = attempts - 1, lease_token = NULL, due_at = $3,
                 last_error = coalesce($4, last_error)
             WHERE upload_id = $1 AND lease_token = $2",
        );
        let update = update.bind(upload_key(&id)).bind(lease_token as i64).bind(due_at.0).bind(reason);
        let released = self.back.execute(update).await? == 1;
        self.announcer.announce(false, released);
        Ok(released)
    }

    async fn sweep_uploads(&self, expired_before: Timestamp, page: usize) -> StoreResult<Vec<Upload>> {
        self.transact(&self.back, (expired_before, page), |scope, (expired_before, page)| {
            Box::pin(sweep_uploads(scope, *expired_before, *page))
        })
        .await
    }

    async fn ended_uploads(&self, now: Timestamp, page: usize) -> StoreResult<Vec<Upload>> {
        let query = sqlx::query_as::<_, UploadRow>(
            "SELECT * FROM uploads WHERE objects_due_at <= $1 ORDER BY objects_due_at LIMIT $2",
        );
        let rows = self.back.fetch_all(Effect::Read, query.bind(now.0).bind(limit(page))).await?;
        rows.into_iter().map(UploadRow::into_upload).collect()
    }

    async fn objects_deleted(&self, ids: &[UploadId]) -> StoreResult<()> {
        let update = sqlx::query(
            "WITH forgotten AS (DELETE FROM media_jobs WHERE upload_id = ANY($1) AND state = 'dead')
             UPDATE uploads SET objects_due_at = NULL WHERE id = ANY($1)",
        );
        let ids: Vec<&[u8]> = ids.iter().map(upload_key).collect();
        self.back.execute(update.bind(ids)).await.map(|_| ())
    }

    async fn jobs(&self, state: Option<JobState>, page: usize) -> StoreResult<Vec<JobView>> {
        let query = sqlx::query_as::<_, jobs::JobRow>(
            "SELECT * FROM media_jobs WHERE $1::text IS NULL OR state = $1 ORDER BY id LIMIT $2",
        );
        let rows = self.fetch_all(query.bind(state.map(job_state)).bind(limit(page))).await?;
        rows.into_iter().map(jobs::JobRow::into_view).collect()
    }

    async fn job_counts(&self) -> StoreResult<JobCounts> {
        let query = sqlx::query_as("SELECT state, count(*) FROM media_jobs GROUP BY state");
        let rows: Vec<(String, i64)> = self.fetch_all(query).await?;
        let mut counts = JobCounts::default();
        for (state, count) in rows {
            match parse_job_state(&state)? {
                JobState::Queued => counts.queued = unsigned(count),
                JobState::Leased => counts.leased = unsigned(count),
                JobState::Dead => counts.dead = unsigned(count),
            }
        }
        Ok(counts)
    }

    async fn retry_job(&self, id: UploadId, now: Timestamp) -> StoreResult<bool> {
        self.transact(&self.front, (id, now), |scope, (id, now)| Box::pin(jobs::retry(scope, *id, *now))).await
    }
}

/// One upload, locked until the end of the transaction.
pub(super) async fn lock_upload(scope: &mut Scope, id: UploadId) -> StoreResult<Option<Upload>> {
    let query = sqlx::query_as::<_, UploadRow>("SELECT * FROM uploads WHERE id = $1 FOR NO KEY UPDATE");
    scope.fetch_optional(query.bind(upload_key(&id))).await?.map(UploadRow::into_upload).transpose()
}

/// Fails uploads whose jobs are given up, each with a reason for its user, and gives their units of quota back.
pub(super) async fn fail_uploads(
    scope: &mut Scope,
    ids: Vec<Vec<u8>>,
    reasons: Vec<String>,
    now: Timestamp,
) -> StoreResult<()> {
    let update = sqlx::query_as::<_, UploadRow>(
        "UPDATE uploads SET status = 'failed', error = failed.reason, objects_due_at = $3
         FROM unnest($1::bytea[], $2::text[]) AS failed (id, reason)
         WHERE uploads.id = failed.id AND status = 'processing' RETURNING uploads.*",
    );
    let update = update.bind(ids).bind(reasons).bind(now.plus_ms(GIVEN_UP_KEPT_MS).0);
    let rows = scope.fetch_all(update).await?;
    let failed: Vec<Upload> = rows.into_iter().map(UploadRow::into_upload).collect::<StoreResult<_>>()?;
    move_quota(scope, &failed, -1).await
}

/// Takes (1) or gives back (-1) the units of quota that uploads hold, whatever the limit is now.
pub(super) async fn move_quota(scope: &mut Scope, uploads: &[Upload], delta: i64) -> StoreResult<()> {
    if uploads.is_empty() {
        return Ok(());
    }
    // Several may be of one user and day. The rows are locked in the order in which everybody locks them.
    let update = sqlx::query(
        "WITH moved AS (
             SELECT user_id, day, count(*) * $3 AS delta FROM unnest($1::bigint[], $2::bigint[]) AS held (user_id, day)
             GROUP BY user_id, day),
         locked AS MATERIALIZED (
             SELECT user_id, day FROM upload_quota WHERE (user_id, day) IN (SELECT user_id, day FROM moved)
             ORDER BY user_id, day FOR UPDATE)
         UPDATE upload_quota SET used = greatest(used + moved.delta, 0)
         FROM moved JOIN locked USING (user_id, day)
         WHERE upload_quota.user_id = moved.user_id AND upload_quota.day = moved.day",
    );
    let users: Vec<i64> = uploads.iter().map(|upload| upload.user_id.to_i64()).collect();
    let days: Vec<i64> = uploads.iter().map(|upload| upload.created_at.utc_day()).collect();
    scope.execute(update.bind(users).bind(days).bind(delta)).await.map(|_| ())
}

async fn sweep_uploads(scope: &mut Scope, expired_before: Timestamp, page: usize) -> StoreResult<Vec<Upload>> {
    let update = sqlx::query_as::<_, UploadRow>(
        "WITH expired AS MATERIALIZED (
             SELECT id FROM uploads WHERE status = 'pending' AND expires_at < $1
             ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE uploads SET status = 'failed', error = $3, objects_due_at = expires_at + $4
         WHERE id = ANY(ARRAY(TABLE expired)) RETURNING *",
    );
    let update = update.bind(expired_before.0).bind(limit(page)).bind(EXPIRED).bind(SWEEP_GRACE_MS);
    let rows = scope.fetch_all(update).await?;
    let swept: Vec<Upload> = rows.into_iter().map(UploadRow::into_upload).collect::<StoreResult<_>>()?;
    move_quota(scope, &swept, -1).await?;
    Ok(swept)
}

/// The job first, then the upload, then quota: the order in which everybody locks them.
async fn cancel_upload(
    scope: &mut Scope,
    id: UploadId,
    user_id: UserId,
    now: Timestamp,
) -> StoreResult<CancelUploadOutcome> {
    let delete = sqlx::query(
        "DELETE FROM media_jobs WHERE upload_id = $1 AND user_id = $2
         AND EXISTS (SELECT FROM uploads WHERE id = $1 AND status = 'processing')",
    );
    scope.execute(delete.bind(upload_key(&id)).bind(user_id.to_i64())).await?;
    let Some(upload) = lock_upload(scope, id).await?.filter(|upload| upload.user_id == user_id) else {
        return Ok(CancelUploadOutcome::NotFound);
    };
    if !matches!(upload.status, UploadStatus::Pending | UploadStatus::Processing) {
        return Ok(CancelUploadOutcome::Already(upload.status));
    }
    let update = sqlx::query_as::<_, UploadRow>(
        "WITH gone AS (DELETE FROM media_jobs WHERE upload_id = $1)
         UPDATE uploads SET status = 'failed', error = $2, objects_due_at = greatest(expires_at, $3) + $4
         WHERE id = $1 RETURNING *",
    );
    let update = update.bind(upload_key(&id)).bind(CANCELLED).bind(now.0).bind(SWEEP_GRACE_MS);
    let upload = scope.fetch_one(update).await?.into_upload()?;
    move_quota(scope, std::slice::from_ref(&upload), -1).await?;
    Ok(CancelUploadOutcome::Cancelled(Box::new(upload)))
}

async fn create_upload(scope: &mut Scope, new: &NewUpload) -> StoreResult<CreateUploadOutcome> {
    let NewUpload { upload, idempotency_key, daily_quota, max_pending } = new;
    let known = sqlx::query_as::<_, UploadRow>(
        "SELECT * FROM uploads WHERE user_id = $2 AND (id = $1 OR idempotency_key = $3) ORDER BY id = $1 LIMIT 1",
    );
    let known = known.bind(upload_key(&upload.id)).bind(upload.user_id.to_i64()).bind(idempotency_key);
    if let Some(row) = scope.fetch_optional(known).await? {
        let known = row.into_upload()?;
        // Sent again after an unknown outcome: it holds its unit of quota already.
        let is_same = known.id == upload.id && idempotency_key.is_none();
        return Ok(if is_same { CreateUploadOutcome::Created } else { CreateUploadOutcome::Existing(Box::new(known)) });
    }
    let quota = daily_quota.map_or(i64::MAX, i64::from);
    let take = sqlx::query(
        "INSERT INTO upload_quota (user_id, day, used) SELECT $1, $2, 1 WHERE $3 > 0
         ON CONFLICT (user_id, day) DO UPDATE SET used = upload_quota.used + 1 WHERE upload_quota.used < $3",
    );
    let take = take.bind(upload.user_id.to_i64()).bind(upload.created_at.utc_day()).bind(quota);
    if scope.execute(take).await? == 0 {
        return Ok(CreateUploadOutcome::QuotaExceeded);
    }
    // The row of the quota is locked: what others of this user open is counted here, or counts this one.
    let query = sqlx::query_as("SELECT count(*) FROM uploads WHERE user_id = $1 AND status = 'pending'");
    let (pending,): (i64,) = scope.fetch_one(query.bind(upload.user_id.to_i64())).await?;
    if max_pending.is_some_and(|most| pending >= i64::from(most)) {
        move_quota(scope, std::slice::from_ref(upload), -1).await?;
        return Ok(CreateUploadOutcome::TooManyPending);
    }
    let insert = sqlx::query(
        "INSERT INTO uploads (id, user_id, object_key, content_type, file_size_bytes, status, caption, alt_text,
                              error, post_id, idempotency_key, created_at, expires_at, checksum_sha256, multipart_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(upload_key(&upload.id))
        .bind(upload.user_id.to_i64())
        .bind(&upload.object_key)
        .bind(&upload.content_type)
        .bind(signed(upload.file_size_bytes))
        .bind(upload.status.as_str())
        .bind(&upload.caption)
        .bind(&upload.alt_text)
        .bind(&upload.error)
        .bind(upload.post_id.map(|id| id.to_i64()))
        .bind(idempotency_key)
        .bind(upload.created_at.0)
        .bind(upload.expires_at.0)
        .bind(&upload.checksum_sha256)
        .bind(&upload.multipart_id);
    if scope.execute(insert).await? == 0 {
        // Another one with this key came in between; the next try finds it, and takes no quota.
        return Err(scope.overtaken());
    }
    Ok(CreateUploadOutcome::Created)
}

/// What a client says when it has uploaded.
struct Completion<'a> {
    id: UploadId,
    user_id: UserId,
    caption: &'a str,
    alt_text: &'a str,
    now: Timestamp,
    max_queued: u64,
}

async fn complete_upload(scope: &mut Scope, completion: &Completion<'_>) -> StoreResult<CompleteUploadOutcome> {
    let upload = lock_upload(scope, completion.id).await?.filter(|upload| upload.user_id == completion.user_id);
    let Some(upload) = upload else { return Ok(CompleteUploadOutcome::NotFound) };
    if upload.status != UploadStatus::Pending {
        return Ok(CompleteUploadOutcome::Already(upload.status));
    }
    let queue = sqlx::query(
        "WITH queued AS (
             INSERT INTO media_jobs (upload_id, user_id, state, attempts, due_at, created_at)
             SELECT $1, $2, 'queued', 0, $3, $3
             WHERE (SELECT count(*) FROM media_jobs WHERE state = 'queued') < $4 RETURNING upload_id)
         UPDATE uploads SET status = 'processing', caption = $5, alt_text = $6
         FROM queued WHERE uploads.id = queued.upload_id",
    );
    let queue = queue
        .bind(upload_key(&completion.id))
        .bind(completion.user_id.to_i64())
        .bind(completion.now.0)
        .bind(signed(completion.max_queued))
        .bind(completion.caption)
        .bind(completion.alt_text);
    if scope.execute(queue).await? == 0 {
        return Ok(CompleteUploadOutcome::QueueFull);
    }
    scope.wakes_media_jobs = true;
    Ok(CompleteUploadOutcome::Queued)
}
