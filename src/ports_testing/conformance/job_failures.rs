//! Media jobs that fail: retries, spent attempts, dead letters.

use super::{
    report::ledger_checks,
    world::{LEASE_MS, World},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{UploadId, upload::UploadStatus};
use tessera_ports::ledger::{JobCounts, JobState, MAX_JOB_ATTEMPTS, MediaJob};

ledger_checks!(
    a_job_to_be_retried_waits_until_its_time,
    a_hopeless_job_is_dead_at_once,
    attempts_are_spent_at_the_claim,
    the_last_error_is_the_reason_of_spent_jobs,
    a_retry_of_the_last_attempt_is_death,
    a_dead_job_does_not_hold_up_others,
    a_dead_job_can_be_queued_anew,
);

async fn fail_for_now(world: &World, job: &MediaJob, reason: &str, retry_in_ms: i64) {
    let retry_at = Some(world.now().plus_ms(retry_in_ms));
    let failed = world.ledger.fail_job(job.upload.id, job.lease_token, reason, retry_at, world.now()).await;
    assert!(failed.expect("fail_job"), "the holder may report a failure");
}

async fn assert_dead(world: &World, id: UploadId, attempts: u32, reason: Option<&str>) {
    let upload = world.upload(id).await;
    assert_eq!(upload.status, UploadStatus::Failed, "the upload of a dead job failed");
    assert!(upload.error.is_some(), "and says why");
    if let Some(reason) = reason {
        assert_eq!(upload.error.as_deref(), Some(reason), "in the words of the last failure");
    }
    let dead = world.ledger.jobs(Some(JobState::Dead), None, 10).await.expect("jobs");
    let job = dead.iter().find(|job| job.upload_id == id).expect("a dead job is kept with the dead letters");
    assert_eq!(job.attempts, attempts, "with the attempts it took");
    world.advance(1_000 * LEASE_MS);
    assert!(world.claim(10).await.iter().all(|job| job.upload.id != id), "a dead job is never handed out");
}

async fn a_job_to_be_retried_waits_until_its_time(world: Arc<World>) {
    let upload = world.queue(world.user().await).await;
    let job = world.claim_one().await;
    fail_for_now(&world, &job, "Out of memory", 5_000).await;
    assert_eq!(world.upload(upload.id).await.status, UploadStatus::Processing, "the user waits still");
    let seen = world.ledger.jobs(None, None, 10).await.expect("jobs");
    assert_eq!(seen[0].state, JobState::Queued, "the job waits");
    assert_eq!(seen[0].last_error.as_deref(), Some("Out of memory"), "and tells its failure");
    world.advance(4_999);
    assert!(world.claim(10).await.is_empty(), "it is not due before its time");
    world.advance(2);
    let next = world.claim_one().await;
    assert_eq!(next.attempt, 2, "it is due then, with its next attempt");
    let late = world.ledger.fail_job(upload.id, job.lease_token, "Late", None, world.now()).await.expect("fail_job");
    assert!(!late, "the failed attempt's lease is over");
}

async fn a_hopeless_job_is_dead_at_once(world: Arc<World>) {
    let upload = world.queue(world.user().await).await;
    let job = world.claim_one().await;
    let failed = world.ledger.fail_job(upload.id, job.lease_token, "Not a picture", None, world.now()).await;
    assert!(failed.expect("fail_job"), "the holder may give up");
    assert_dead(&world, upload.id, 1, Some("Not a picture")).await;
}

async fn attempts_are_spent_at_the_claim(world: Arc<World>) {
    let user_id = world.user().await;
    let upload = world.open_within(user_id, 1).await.expect("the day's unit");
    world.complete(&upload).await;
    for attempt in 1..=MAX_JOB_ATTEMPTS {
        assert_eq!(world.claim_one().await.attempt, attempt, "a job that kills its worker is claimed again");
        world.advance(LEASE_MS + 1);
    }
    assert!(world.claim(10).await.is_empty(), "but not once its attempts are spent");
    assert!(world.open_within(user_id, 1).await.is_some(), "the quota was given back");
    assert_dead(&world, upload.id, MAX_JOB_ATTEMPTS, None).await;
}

async fn the_last_error_is_the_reason_of_spent_jobs(world: Arc<World>) {
    let upload = world.queue(world.user().await).await;
    for _ in 1..MAX_JOB_ATTEMPTS {
        let job = world.claim_one().await;
        fail_for_now(&world, &job, "The store timed out", 0).await;
        world.advance(1);
    }
    world.claim_one().await;
    world.advance(LEASE_MS + 1);
    assert!(world.claim(10).await.is_empty(), "the last attempt's worker vanished");
    assert_dead(&world, upload.id, MAX_JOB_ATTEMPTS, Some("The store timed out")).await;
}

async fn a_retry_of_the_last_attempt_is_death(world: Arc<World>) {
    let user_id = world.user().await;
    let upload = world.open_within(user_id, 1).await.expect("the day's unit");
    world.complete(&upload).await;
    for attempt in 1..=MAX_JOB_ATTEMPTS {
        assert_eq!(world.ledger.job_counts().await.expect("job_counts").dead, 0, "alive before attempt {attempt}");
        let job = world.claim_one().await;
        fail_for_now(&world, &job, "No room", 0).await;
        world.advance(1);
    }
    assert!(world.open_within(user_id, 1).await.is_some(), "the quota was given back");
    assert_dead(&world, upload.id, MAX_JOB_ATTEMPTS, Some("No room")).await;
}

async fn a_dead_job_does_not_hold_up_others(world: Arc<World>) {
    let poison = world.queue(world.user().await).await;
    for _ in 0..MAX_JOB_ATTEMPTS {
        world.claim_one().await;
        world.advance(LEASE_MS + 1);
    }
    let healthy = world.queue(world.user().await).await;
    let mut claimed = world.claim(1).await;
    if claimed.is_empty() {
        // A claim may spend its turn on burying the dead; the next one must not.
        claimed = world.claim(1).await;
    }
    assert_eq!(claimed.len(), 1, "a job behind a dead one is handed out");
    assert_eq!(claimed[0].upload.id, healthy.id, "and it is the healthy one");
    assert_eq!(world.upload(poison.id).await.status, UploadStatus::Failed, "the dead one's upload failed");
}

async fn a_dead_job_can_be_queued_anew(world: Arc<World>) {
    let upload = world.queue(world.user().await).await;
    let retry = || async { world.ledger.retry_job(upload.id, world.now()).await.expect("retry_job") };
    assert!(!retry().await, "a waiting job is not dead");
    let job = world.claim_one().await;
    assert!(!retry().await, "a job under way is not dead");
    world.ledger.fail_job(upload.id, job.lease_token, "Torn", None, world.now()).await.expect("fail_job");
    world.advance(1_000);
    assert!(retry().await, "a dead job is queued anew");
    let queued_at = world.ledger.jobs(None, None, 10).await.expect("jobs").remove(0).created_at;
    assert_eq!(queued_at, world.now(), "as new as others that are queued now");
    assert!(!retry().await, "once");
    let stands = world.upload(upload.id).await;
    assert_eq!(stands.status, UploadStatus::Processing, "its upload is processing again");
    let counts = world.ledger.job_counts().await.expect("job_counts");
    assert_eq!(counts, JobCounts { queued: 1, leased: 0, dead: 0 }, "it waits with the others");
    for attempt in 1..=MAX_JOB_ATTEMPTS {
        assert_eq!(world.claim_one().await.attempt, attempt, "with all its attempts");
        world.advance(LEASE_MS + 1);
    }
    assert!(world.claim(10).await.is_empty(), "until they are spent");
    assert!(retry().await, "then it may be queued anew again");
    world.finish(&world.claim_one().await).await;
    assert_eq!(world.upload(upload.id).await.status, UploadStatus::Completed, "and be finished in the end");
    let unknown = world.new_upload(upload.user_id).upload.id;
    assert!(!world.ledger.retry_job(unknown, world.now()).await.expect("retry_job"), "an unknown job");
}
