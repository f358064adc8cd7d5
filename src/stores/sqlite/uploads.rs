//! Uploads and their quota; the media jobs are in [`jobs`].

use super::{SqliteLedger, jobs, rows::*, writer::WriteScope};
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
impl UploadLedger for SqliteLedger {
    async fn create_upload(&self, new: NewUpload) -> StoreResult<CreateUploadOutcome> {
        self.write(move |scope| Box::pin(create_upload(scope, new))).await
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<Upload>> {
        let query = sqlx::query_as::<_, UploadRow>("SELECT * FROM uploads WHERE id = ?1");
        self.fetch_optional(query.bind(&id.0.as_bytes()[..])).await?.map(UploadRow::into_upload).transpose()
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
        let (caption, alt_text) = (caption.to_owned(), alt_text.to_owned());
        self.write(move |scope| {
            Box::pin(async move {
                let Some(upload) = find_upload(scope, id).await?.filter(|upload| upload.user_id == user_id) else {
                    return Ok(CompleteUploadOutcome::NotFound);
                };
                if upload.status != UploadStatus::Pending {
                    return Ok(CompleteUploadOutcome::Already(upload.status));
                }
                if !jobs::enqueue(scope, &upload, now, max_queued).await? {
                    return Ok(CompleteUploadOutcome::QueueFull);
                }
                let update =
                    sqlx::query("UPDATE uploads SET status = 'processing', caption = ?2, alt_text = ?3 WHERE id = ?1");
                scope.execute(update.bind(&id.0.as_bytes()[..]).bind(&caption).bind(&alt_text)).await?;
                Ok(CompleteUploadOutcome::Queued)
            })
        })
        .await
    }

    async fn cancel_upload(&self, id: UploadId, user_id: UserId, now: Timestamp) -> StoreResult<CancelUploadOutcome> {
        self.write(move |scope| Box::pin(cancel_upload(scope, id, user_id, now))).await
    }

    async fn claim_jobs(
        &self,
        limit: usize,
        max_videos: usize,
        lease_ms: i64,
        now: Timestamp,
    ) -> StoreResult<Vec<MediaJob>> {
        self.write(move |scope| Box::pin(jobs::claim(scope, limit, max_videos, lease_ms, now))).await
    }

    async fn extend_lease(&self, id: UploadId, lease_token: u64, lease_until: Timestamp) -> StoreResult<bool> {
        self.write(move |scope| Box::pin(jobs::extend_lease(scope, id, lease_token, lease_until))).await
    }

    async fn finish_job(
        &self,
        id: UploadId,
        lease_token: u64,
        finished: FinishedMedia,
    ) -> StoreResult<FinishJobOutcome> {
        self.write(move |scope| Box::pin(jobs::finish(scope, id, lease_token, finished))).await
    }

    async fn fail_job(
        &self,
        id: UploadId,
        lease_token: u64,
        reason: &str,
        retry_at: Option<Timestamp>,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let reason = reason.to_owned();
        self.write(move |scope| {
            Box::pin(async move { jobs::fail(scope, id, lease_token, &reason, retry_at, now).await })
        })
        .await
    }

    async fn release_job(
        &self,
        id: UploadId,
        lease_token: u64,
        due_at: Timestamp,
        reason: Option<&str>,
    ) -> StoreResult<bool> {
        let reason = reason.map(str::to_owned);
        self.write(move |scope| {
            Box::pin(async move { jobs::release(scope, id, lease_token, due_at, reason.as_deref()).await })
        })
        .await
    }

    async fn sweep_uploads(&self, expired_before: Timestamp, page: usize) -> StoreResult<Vec<Upload>> {
        self.write(move |scope| {
            Box::pin(async move {
                let update = sqlx::query_as::<_, UploadRow>(
                    "UPDATE uploads SET status = 'failed', error = ?3, objects_due_at = expires_at + ?4 WHERE id IN (
                         SELECT id FROM uploads WHERE status = 'pending' AND expires_at < ?1
                         ORDER BY expires_at LIMIT ?2)
                     RETURNING *",
                );
                let update = update.bind(expired_before.0).bind(limit(page)).bind(EXPIRED).bind(SWEEP_GRACE_MS);
                let rows = scope.fetch_all(update).await?;
                let swept: Vec<Upload> = rows.into_iter().map(UploadRow::into_upload).collect::<StoreResult<_>>()?;
                for upload in &swept {
                    move_quota(scope, upload, -1).await?;
                }
                Ok(swept)
            })
        })
        .await
    }

    async fn ended_uploads(&self, now: Timestamp, page: usize) -> StoreResult<Vec<Upload>> {
        let query = sqlx::query_as::<_, UploadRow>(
            "SELECT * FROM uploads WHERE objects_due_at <= ?1 ORDER BY objects_due_at LIMIT ?2",
        );
        let rows = self.fetch_all(query.bind(now.0).bind(limit(page))).await?;
        rows.into_iter().map(UploadRow::into_upload).collect()
    }

    async fn objects_deleted(&self, ids: &[UploadId]) -> StoreResult<()> {
        let ids = ids.to_vec();
        self.write(move |scope| {
            Box::pin(async move {
                for id in ids {
                    for statement in [
                        "UPDATE uploads SET objects_due_at = NULL WHERE id = ?1",
                        "DELETE FROM media_jobs WHERE upload_id = ?1 AND state = 'dead'",
                    ] {
                        scope.execute(sqlx::query(statement).bind(&id.0.as_bytes()[..])).await?;
                    }
                }
                Ok(())
            })
        })
        .await
    }

    async fn jobs(&self, state: Option<JobState>, page: usize) -> StoreResult<Vec<JobView>> {
        let query = sqlx::query_as::<_, jobs::JobRow>(
            "SELECT * FROM media_jobs WHERE state = coalesce(?1, state) ORDER BY id LIMIT ?2",
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
        self.write(move |scope| Box::pin(jobs::retry(scope, id, now))).await
    }
}

/// One upload, as it stands in this transaction.
pub(super) async fn find_upload(scope: &mut WriteScope, id: UploadId) -> StoreResult<Option<Upload>> {
    let query = sqlx::query_as::<_, UploadRow>("SELECT * FROM uploads WHERE id = ?1");
    scope.fetch_optional(query.bind(&id.0.as_bytes()[..])).await?.map(UploadRow::into_upload).transpose()
}

/// Fails an upload whose job is given up, with a reason for its user, and gives its unit of quota back.
pub(super) async fn fail_upload(scope: &mut WriteScope, id: UploadId, reason: &str, now: Timestamp) -> StoreResult<()> {
    let update = sqlx::query_as::<_, UploadRow>(
        "UPDATE uploads SET status = 'failed', error = ?2, objects_due_at = ?3
         WHERE id = ?1 AND status = 'processing' RETURNING *",
    );
    let update = update.bind(&id.0.as_bytes()[..]).bind(reason).bind(now.plus_ms(GIVEN_UP_KEPT_MS).0);
    let row = scope.fetch_optional(update).await?;
    match row {
        Some(row) => move_quota(scope, &row.into_upload()?, -1).await,
        None => Ok(()),
    }
}

/// Takes (1) or gives back (-1) the unit of quota that an upload holds, whatever the limit is now.
pub(super) async fn move_quota(scope: &mut WriteScope, upload: &Upload, delta: i64) -> StoreResult<()> {
    let update = sqlx::query("UPDATE upload_quota SET used = max(used + ?3, 0) WHERE user_id = ?1 AND day = ?2");
    let update = update.bind(upload.user_id.to_i64()).bind(upload.created_at.utc_day()).bind(delta);
    scope.execute(update).await.map(|_| ())
}

async fn cancel_upload(
    scope: &mut WriteScope,
    id: UploadId,
    user_id: UserId,
    now: Timestamp,
) -> StoreResult<CancelUploadOutcome> {
    let update = sqlx::query_as::<_, UploadRow>(
        "UPDATE uploads SET status = 'failed', error = ?3, objects_due_at = max(expires_at, ?4) + ?5
         WHERE id = ?1 AND user_id = ?2 AND status IN ('pending', 'processing') RETURNING *",
    );
    let update = update.bind(&id.0.as_bytes()[..]).bind(user_id.to_i64()).bind(CANCELLED);
    let update = update.bind(now.0).bind(SWEEP_GRACE_MS);
    let Some(row) = scope.fetch_optional(update).await? else {
        let found = find_upload(scope, id).await?.filter(|upload| upload.user_id == user_id);
        return Ok(found.map_or(CancelUploadOutcome::NotFound, |upload| CancelUploadOutcome::Already(upload.status)));
    };
    let upload = row.into_upload()?;
    move_quota(scope, &upload, -1).await?;
    scope.execute(sqlx::query("DELETE FROM media_jobs WHERE upload_id = ?1").bind(&id.0.as_bytes()[..])).await?;
    Ok(CancelUploadOutcome::Cancelled(Box::new(upload)))
}

async fn create_upload(scope: &mut WriteScope, new: NewUpload) -> StoreResult<CreateUploadOutcome> {
    let NewUpload { upload, idempotency_key, daily_quota, max_pending } = new;
    if let Some(key) = &idempotency_key {
        let query = sqlx::query_as::<_, UploadRow>("SELECT * FROM uploads WHERE user_id = ?1 AND idempotency_key = ?2");
        if let Some(row) = scope.fetch_optional(query.bind(upload.user_id.to_i64()).bind(key)).await? {
            return Ok(CreateUploadOutcome::Existing(Box::new(row.into_upload()?)));
        }
    }
    if find_upload(scope, upload.id).await?.is_some_and(|same| same.user_id == upload.user_id) {
        // Sent again after an unknown outcome: it holds its unit of quota already.
        return Ok(CreateUploadOutcome::Created);
    }
    let quota = daily_quota.map_or(i64::MAX, i64::from);
    let take = sqlx::query(
        "INSERT INTO upload_quota (user_id, day, used) SELECT ?1, ?2, 1 WHERE ?3 > 0
         ON CONFLICT (user_id, day) DO UPDATE SET used = used + 1 WHERE used < ?3",
    );
    let take = take.bind(upload.user_id.to_i64()).bind(upload.created_at.utc_day()).bind(quota);
    if scope.execute(take).await? == 0 {
        return Ok(CreateUploadOutcome::QuotaExceeded);
    }
    let query = sqlx::query_as("SELECT count(*) FROM uploads WHERE user_id = ?1 AND status = 'pending'");
    let (pending,): (i64,) = scope.fetch_one(query.bind(upload.user_id.to_i64())).await?;
    if max_pending.is_some_and(|most| pending >= i64::from(most)) {
        move_quota(scope, &upload, -1).await?;
        return Ok(CreateUploadOutcome::TooManyPending);
    }
    let insert = sqlx::query(
        "INSERT INTO uploads (id, user_id, object_key, content_type, file_size_bytes, status, caption, alt_text,
                              error, post_id, idempotency_key, created_at, expires_at, checksum_sha256, multipart_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    );
    let insert = insert
        .bind(&upload.id.0.as_bytes()[..])
        .bind(upload.user_id.to_i64())
        .bind(&upload.object_key)
        .bind(&upload.content_type)
        .bind(signed(upload.file_size_bytes))
        .bind(upload.status.as_str())
        .bind(&upload.caption)
        .bind(&upload.alt_text)
        .bind(&upload.error)
        .bind(upload.post_id.map(|id| id.to_i64()))
        .bind(&idempotency_key)
        .bind(upload.created_at.0)
        .bind(upload.expires_at.0)
        .bind(&upload.checksum_sha256)
        .bind(&upload.multipart_id);
    scope.execute(insert).await?;
    Ok(CreateUploadOutcome::Created)
}
