//! Uploads and their quota; the media jobs are in [`jobs`]. Rows are locked job first, then upload, then quota.

use super::{Dialect, Pool, Scope, SqlLedger, jobs, rows::*};
use async_trait::async_trait;
use std::collections::BTreeMap;
use tessera_domain::{
    Timestamp, UploadId, UserId,
    upload::{GIVEN_UP_KEPT_MS, SWEEP_GRACE_MS, Upload, UploadStatus},
};
use tessera_ports::{
    StoreResult,
    ledger::{
        CancelUploadOutcome, CompleteUploadOutcome, CreateUploadOutcome, FinishJobOutcome, FinishedMedia, JobCounts,
        JobState, JobView, MAX_COUNTED, MediaJob, NewUpload, UploadLedger,
    },
};

/// What a user reads about an upload that was never completed.
const EXPIRED: &str = "the upload's URL ran out before the upload was completed";
/// What a user reads about an upload that they called off.
const CANCELLED: &str = "the upload was cancelled";

#[async_trait]
impl<D: Dialect> UploadLedger for SqlLedger<D> {
    async fn create_upload(&self, new: NewUpload) -> StoreResult<CreateUploadOutcome> {
        self.requests.transact(new, |scope, new| Box::pin(create_upload(scope, new))).await
    }

    async fn upload(&self, id: UploadId) -> StoreResult<Option<Upload>> {
        let query = sql!("SELECT * FROM uploads WHERE id = $1");
        self.requests.fetch_optional(query.bind(id), UploadRow::into_upload).await
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
        let completion = Completion { id, user_id, caption, alt_text, now, max_queued };
        self.requests.transact(completion, |scope, completion| Box::pin(complete_upload(scope, completion))).await
    }

    async fn cancel_upload(&self, id: UploadId, user_id: UserId, now: Timestamp) -> StoreResult<CancelUploadOutcome> {
        self.requests
            .transact((id, user_id, now), |scope, (id, user_id, now)| {
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
        let claim = jobs::Claim { limit, max_videos, lease_ms, now, lease_token: self.new_lease_token() };
        self.background.transact(claim, |scope, claim| Box::pin(jobs::claim(scope, claim))).await
    }

    async fn extend_lease(&self, id: UploadId, lease_token: u64, lease_until: Timestamp) -> StoreResult<bool> {
        let update = sql!("UPDATE media_jobs SET due_at = $3 WHERE upload_id = $1 AND lease_token = $2");
        Ok(self.background.execute(update.bind(id).bind(lease_token as i64).bind(lease_until)).await? == 1)
    }

    async fn finish_job(
        &self,
        id: UploadId,
        lease_token: u64,
        finished: FinishedMedia,
    ) -> StoreResult<FinishJobOutcome> {
        self.background
            .transact((id, lease_token, finished), |scope, (id, lease_token, finished)| {
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
        let failed = jobs::FailedAttempt { id, lease_token, reason: reason.to_owned(), retry_at, now };
        self.background.transact(failed, |scope, failed| Box::pin(jobs::fail(scope, failed))).await
    }

    async fn release_job(
        &self,
        id: UploadId,
        lease_token: u64,
        due_at: Timestamp,
        reason: Option<&str>,
    ) -> StoreResult<bool> {
        let released = (id, lease_token, due_at, reason.map(str::to_owned));
        self.background
            .transact(released, |scope, (id, lease_token, due_at, reason)| {
                Box::pin(jobs::release(scope, *id, *lease_token, *due_at, reason.as_deref()))
            })
            .await
    }

    async fn sweep_uploads(&self, expired_before: Timestamp, limit: usize) -> StoreResult<Vec<Upload>> {
        self.background
            .transact((expired_before, limit), |scope, (expired_before, limit)| {
                Box::pin(sweep_uploads(scope, *expired_before, *limit))
            })
            .await
    }

    async fn ended_uploads(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Upload>> {
        let query = sql!("SELECT * FROM uploads WHERE objects_due_at <= $1 ORDER BY objects_due_at LIMIT $2");
        self.background.fetch_all(query.bind(now).bind(limit), UploadRow::into_upload).await
    }

    async fn objects_deleted(&self, ids: &[UploadId]) -> StoreResult<()> {
        self.background
            .transact(ids.to_vec(), |scope, ids| {
                Box::pin(async move {
                    let forget = sql!("DELETE FROM media_jobs WHERE state = 'dead' AND upload_id " [any_bytes "$1"]);
                    scope.execute(forget.bind(&ids[..])).await?;
                    let update = sql!("UPDATE uploads SET objects_due_at = NULL WHERE id " [any_bytes "$1"]);
                    scope.execute(update.bind(&ids[..])).await.map(drop)
                })
            })
            .await
    }

    async fn jobs(&self, state: Option<JobState>, after: Option<i64>, limit: usize) -> StoreResult<Vec<JobView>> {
        let query = sql!("SELECT * FROM media_jobs WHERE ($1 IS NULL OR state = $1) AND id > $2 ORDER BY id LIMIT $3");
        let query = query.bind(state.map(job_state)).bind(after.unwrap_or(0)).bind(limit);
        self.requests.fetch_all(query, JobRow::into_view).await
    }

    async fn job_counts(&self) -> StoreResult<JobCounts> {
        let query = sql!(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM media_jobs WHERE state = 'queued' LIMIT $1) AS queued),
                    (SELECT count(*) FROM (SELECT 1 FROM media_jobs WHERE state = 'leased' LIMIT $1) AS leased),
                    (SELECT count(*) FROM (SELECT 1 FROM media_jobs WHERE state = 'dead' LIMIT $1) AS dead)"
        );
        let counts = |(queued, leased, dead)| JobCounts {
            queued: unsigned(queued),
            leased: unsigned(leased),
            dead: unsigned(dead),
        };
        Ok(self.requests.fetch_optional(query.bind(MAX_COUNTED), counts).await?.unwrap_or_default())
    }

    async fn retry_job(&self, id: UploadId, now: Timestamp) -> StoreResult<bool> {
        self.requests.transact((id, now), |scope, (id, now)| Box::pin(jobs::retry(scope, *id, *now))).await
    }
}

/// One upload, locked until the end of the transaction.
pub(super) async fn lock_upload<S: Scope>(scope: &mut S, id: UploadId) -> StoreResult<Option<Upload>> {
    let query = sql!("SELECT * FROM uploads WHERE id = $1"[lock]);
    Ok(scope.fetch_optional(query.bind(id)).await?.map(UploadRow::into_upload))
}

/// Fails uploads whose jobs are given up, each with a reason for its user, and gives their units of quota back.
pub(super) async fn fail_uploads<S: Scope>(
    scope: &mut S,
    failures: Vec<(UploadId, String)>,
    now: Timestamp,
) -> StoreResult<()> {
    let mut failed = Vec::with_capacity(failures.len());
    for (id, reason) in failures {
        let update = sql!(
            "UPDATE uploads SET status = 'failed', error = $2, objects_due_at = $3
             WHERE id = $1 AND status = 'processing' RETURNING *"
        );
        let update = update.bind(id).bind(reason).bind(now.plus_ms(GIVEN_UP_KEPT_MS));
        failed.extend(scope.fetch_optional(update).await?.map(UploadRow::into_upload));
    }
    move_quota(scope, &failed, -1).await
}

/// Takes (1) or gives back (-1) the units of quota that uploads hold, whatever the limit is now.
pub(super) async fn move_quota<S: Scope>(scope: &mut S, uploads: &[Upload], delta: i64) -> StoreResult<()> {
    if uploads.is_empty() {
        return Ok(());
    }
    // Several may be of one user and day. The rows are locked in the order in which everybody locks them.
    let mut moved = BTreeMap::<(UserId, i64), i64>::new();
    for upload in uploads {
        *moved.entry((upload.user_id, upload.created_at.utc_day())).or_default() += delta;
    }
    let update = sql!(
        {sqlite: "", postgres: "
         WITH locked AS MATERIALIZED (
             SELECT user_id, day FROM upload_quota WHERE (user_id, day) IN (SELECT * FROM unnest($1, $2))
             ORDER BY user_id, day FOR UPDATE)"}
        " UPDATE upload_quota SET used = " [greatest] "(used + held.delta, 0)
          FROM " [rows "$1" "$2" "$3" as "held" ("user_id" "day" "delta")]
        {sqlite: "", postgres: " JOIN locked USING (user_id, day)"}
        " WHERE upload_quota.user_id = held.user_id AND upload_quota.day = held.day"
    );
    let (users, days): (Vec<UserId>, Vec<i64>) = moved.keys().copied().unzip();
    let deltas: Vec<i64> = moved.into_values().collect();
    scope.execute(update.bind_rows([users.into(), days.into(), deltas.into()])).await.map(drop)
}

async fn sweep_uploads<S: Scope>(scope: &mut S, expired_before: Timestamp, limit: usize) -> StoreResult<Vec<Upload>> {
    let update = sql!(
        "WITH expired AS (
             SELECT id FROM uploads WHERE status = 'pending' AND expires_at < $1
             ORDER BY expires_at LIMIT $2" [skip_locked] ")
         UPDATE uploads SET status = 'failed', error = $3, objects_due_at = expires_at + $4
         WHERE id " [in "expired"] " RETURNING *"
    );
    let update = update.bind(expired_before).bind(limit).bind(EXPIRED).bind(SWEEP_GRACE_MS);
    let rows: Vec<UploadRow> = scope.fetch_all(update).await?;
    let swept: Vec<Upload> = rows.into_iter().map(UploadRow::into_upload).collect();
    move_quota(scope, &swept, -1).await?;
    Ok(swept)
}

async fn cancel_upload<S: Scope>(
    scope: &mut S,
    id: UploadId,
    user_id: UserId,
    now: Timestamp,
) -> StoreResult<CancelUploadOutcome> {
    let delete = sql!(
        "DELETE FROM media_jobs WHERE upload_id = $1 AND user_id = $2
         AND EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND status = 'processing')"
    );
    scope.execute(delete.bind(id).bind(user_id)).await?;
    let Some(upload) = lock_upload(scope, id).await?.filter(|upload| upload.user_id == user_id) else {
        return Ok(CancelUploadOutcome::NotFound);
    };
    if !matches!(upload.status, UploadStatus::Pending | UploadStatus::Processing) {
        return Ok(CancelUploadOutcome::Already(upload.status));
    }
    // It may have been queued before the lock.
    scope.execute(sql!("DELETE FROM media_jobs WHERE upload_id = $1").bind(id)).await?;
    let update = sql!(
        "UPDATE uploads SET status = 'failed', error = $2, objects_due_at = " [greatest] "(expires_at, $3) + $4
         WHERE id = $1 RETURNING *"
    );
    let update = update.bind(id).bind(CANCELLED).bind(now).bind(SWEEP_GRACE_MS);
    let upload = UploadRow::into_upload(scope.fetch_one(update).await?);
    move_quota(scope, std::slice::from_ref(&upload), -1).await?;
    Ok(CancelUploadOutcome::Cancelled(Box::new(upload)))
}

async fn create_upload<S: Scope>(scope: &mut S, new: &NewUpload) -> StoreResult<CreateUploadOutcome> {
    let NewUpload { upload, idempotency_key, daily_quota, max_pending } = new;
    let known =
        sql!("SELECT * FROM uploads WHERE user_id = $2 AND (id = $1 OR idempotency_key = $3) ORDER BY id = $1 LIMIT 1");
    let known = known.bind(upload.id).bind(upload.user_id).bind(idempotency_key);
    if let Some(known) = scope.fetch_optional(known).await?.map(UploadRow::into_upload) {
        // Sent again after an unknown outcome: it holds its unit of quota already.
        let is_same = known.id == upload.id && idempotency_key.is_none();
        return Ok(if is_same { CreateUploadOutcome::Created } else { CreateUploadOutcome::Existing(Box::new(known)) });
    }
    let take = sql!(
        "INSERT INTO upload_quota (user_id, day, used) SELECT $1, $2, 1 WHERE $3 > 0
         ON CONFLICT (user_id, day) DO UPDATE SET used = upload_quota.used + 1 WHERE upload_quota.used < $3"
    );
    let quota = daily_quota.map_or(i64::MAX, i64::from);
    if scope.execute(take.bind(upload.user_id).bind(upload.created_at.utc_day()).bind(quota)).await? == 0 {
        return Ok(CreateUploadOutcome::QuotaExceeded);
    }
    // The row of the quota is locked: what others of this user open is counted here, or counts this one.
    let query = sql!("SELECT count(*) FROM uploads WHERE user_id = $1 AND status = 'pending'");
    let (pending,): (i64,) = scope.fetch_one(query.bind(upload.user_id)).await?;
    if max_pending.is_some_and(|most| pending >= i64::from(most)) {
        move_quota(scope, std::slice::from_ref(upload), -1).await?;
        return Ok(CreateUploadOutcome::TooManyPending);
    }
    if !insert_upload(scope, upload, idempotency_key.as_deref()).await? {
        // Another one with this key came in between; the next try finds it, and takes no quota.
        return Err(scope.overtaken());
    }
    Ok(CreateUploadOutcome::Created)
}

/// Writes an upload; false where its id or its key is taken.
async fn insert_upload<S: Scope>(scope: &mut S, upload: &Upload, idempotency_key: Option<&str>) -> StoreResult<bool> {
    let insert = sql!(
        "INSERT INTO uploads (id, user_id, object_key, content_type, file_size_bytes, status, caption, alt_text,
                              error, post_id, idempotency_key, created_at, expires_at, checksum_sha256, multipart_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING"
    );
    let insert = insert
        .bind(upload.id)
        .bind(upload.user_id)
        .bind(&upload.object_key)
        .bind(&upload.content_type)
        .bind(signed(upload.file_size_bytes))
        .bind(upload.status.as_str())
        .bind(&upload.caption)
        .bind(&upload.alt_text)
        .bind(&upload.error)
        .bind(upload.post_id)
        .bind(idempotency_key)
        .bind(upload.created_at)
        .bind(upload.expires_at)
        .bind(&upload.checksum_sha256)
        .bind(&upload.multipart_id);
    Ok(scope.execute(insert).await? == 1)
}

/// What a client says when it has uploaded.
struct Completion {
    id: UploadId,
    user_id: UserId,
    caption: String,
    alt_text: String,
    now: Timestamp,
    max_queued: u64,
}

async fn complete_upload<S: Scope>(scope: &mut S, completion: &Completion) -> StoreResult<CompleteUploadOutcome> {
    let upload = lock_upload(scope, completion.id).await?.filter(|upload| upload.user_id == completion.user_id);
    let Some(upload) = upload else { return Ok(CompleteUploadOutcome::NotFound) };
    if upload.status != UploadStatus::Pending {
        return Ok(CompleteUploadOutcome::Already(upload.status));
    }
    let queue = sql!(
        "INSERT INTO media_jobs (upload_id, user_id, state, attempts, due_at, created_at)
         SELECT $1, $2, 'queued', 0, $3, $3 WHERE (SELECT count(*) FROM media_jobs WHERE state = 'queued') < $4"
    );
    let queue = queue.bind(upload.id).bind(upload.user_id).bind(completion.now).bind(signed(completion.max_queued));
    if scope.execute(queue).await? == 0 {
        return Ok(CompleteUploadOutcome::QueueFull);
    }
    let update = sql!("UPDATE uploads SET status = 'processing', caption = $2, alt_text = $3 WHERE id = $1");
    scope.execute(update.bind(upload.id).bind(&completion.caption).bind(&completion.alt_text)).await?;
    scope.wake_media_jobs();
    Ok(CompleteUploadOutcome::Queued)
}
