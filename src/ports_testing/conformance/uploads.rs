//! Uploads: idempotency, quota, completion and the sweep.

use super::{
    report::ledger_checks,
    world::{ROOMY_QUEUE, World, at_once, sorted},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    UploadId, UserId,
    time::DAY_MS,
    upload::{GIVEN_UP_KEPT_MS, PRESIGN_SECONDS, SWEEP_GRACE_MS, Upload, UploadStatus},
};
use tessera_ports::ledger::{
    CancelUploadOutcome, CompleteUploadOutcome, CreateUploadOutcome, FinishJobOutcome, NewUpload,
};

ledger_checks!(
    an_upload_reads_back_as_it_was_opened,
    the_same_key_gives_the_first_upload_again,
    of_many_with_one_key_one_is_opened,
    opening_an_upload_again_by_its_id_takes_one_unit,
    of_fifty_creators_exactly_the_quota_succeeds,
    the_quota_is_per_user_and_utc_day,
    pending_uploads_are_bounded_per_user,
    a_dead_job_gives_its_unit_back_once,
    a_unit_goes_back_to_the_day_it_was_taken_from,
    completing_is_idempotent_and_only_for_the_owner,
    a_full_queue_changes_nothing,
    cancelling_gives_the_unit_back_and_takes_the_job_away,
    the_sweep_fails_what_ran_out_and_gives_units_back,
    the_sweep_keeps_to_its_limit,
    objects_of_what_ended_are_due_when_nothing_can_be_written_any_more,
    objects_of_a_dead_job_stay_as_long_as_it_can_be_tried_again,
);

async fn an_upload_reads_back_as_it_was_opened(world: Arc<World>) {
    let upload = world.open(world.user().await).await;
    assert_eq!(world.upload(upload.id).await, upload, "an upload is found as it was opened");
    let mut new = world.new_upload(upload.user_id);
    new.upload.checksum_sha256 = Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned());
    new.upload.multipart_id = Some("a name of the object store's own".to_owned());
    let in_parts = new.upload.clone();
    world.ledger.create_upload(new).await.expect("create_upload");
    assert_eq!(world.upload(in_parts.id).await, in_parts, "an upload in parts is found as it was opened");
    let unknown = world.new_upload(upload.user_id).upload.id;
    assert_eq!(world.ledger.upload(unknown).await.expect("upload"), None, "an unknown upload");
}

fn keyed(world: &World, user_id: UserId, key: &str, daily_quota: Option<u32>) -> NewUpload {
    NewUpload { idempotency_key: Some(key.to_owned()), daily_quota, ..world.new_upload(user_id) }
}

async fn the_same_key_gives_the_first_upload_again(world: Arc<World>) {
    let users = world.users(2).await;
    let first = keyed(&world, users[0], "key", Some(1));
    let opened = world.ledger.create_upload(first.clone()).await.expect("create_upload");
    assert_eq!(opened, CreateUploadOutcome::Created, "a new key opens an upload");
    let second = keyed(&world, users[0], "key", Some(1));
    let second_id = second.upload.id;
    let again = world.ledger.create_upload(second).await.expect("create_upload");
    assert_eq!(again, CreateUploadOutcome::Existing(Box::new(first.upload)), "the key gives the first upload");
    assert_eq!(world.ledger.upload(second_id).await.expect("upload"), None, "no second upload came to be");
    let other = world.ledger.create_upload(keyed(&world, users[1], "key", Some(1))).await.expect("create_upload");
    assert_eq!(other, CreateUploadOutcome::Created, "another user's keys are another user's");
}

async fn of_many_with_one_key_one_is_opened(world: Arc<World>) {
    let user_id = world.user().await;
    let outcomes = at_once((0..20).map(|_| {
        let world = Arc::clone(&world);
        async move {
            let new = keyed(&world, user_id, "key", Some(2));
            let id = new.upload.id;
            match world.ledger.create_upload(new).await.expect("create_upload") {
                CreateUploadOutcome::Created => (id, true),
                CreateUploadOutcome::Existing(first) => (first.id, false),
                CreateUploadOutcome::QuotaExceeded | CreateUploadOutcome::TooManyPending => {
                    panic!("a repeated key takes no quota")
                }
            }
        }
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|(_, created)| *created).count(), 1, "one of 20 opens the upload");
    assert!(outcomes.iter().all(|(id, _)| *id == outcomes[0].0), "everybody gets the same upload");
    assert!(world.open_within(user_id, 2).await.is_some(), "one unit was taken, so one is left");
}

async fn opening_an_upload_again_by_its_id_takes_one_unit(world: Arc<World>) {
    let user_id = world.user().await;
    let new = NewUpload { daily_quota: Some(2), ..world.new_upload(user_id) };
    for _ in 0..2 {
        let outcome = world.ledger.create_upload(new.clone()).await.expect("create_upload");
        assert_ne!(outcome, CreateUploadOutcome::QuotaExceeded, "a write may be sent again by its id");
    }
    assert!(world.open_within(user_id, 2).await.is_some(), "one unit was taken, so one is left");
    assert!(world.open_within(user_id, 2).await.is_none(), "and no more");
}

async fn of_fifty_creators_exactly_the_quota_succeeds(world: Arc<World>) {
    let user_id = world.user().await;
    let opened = at_once((0..50).map(|_| {
        let world = Arc::clone(&world);
        async move { world.open_within(user_id, 12).await }
    }))
    .await;
    let opened: Vec<Upload> = opened.into_iter().flatten().collect();
    assert_eq!(opened.len(), 12, "of 50 creators at once exactly the quota succeeds");
    for upload in &opened {
        assert_eq!(world.upload(upload.id).await.status, UploadStatus::Pending, "each of them is open");
    }
}

async fn the_quota_is_per_user_and_utc_day(world: Arc<World>) {
    let users = world.users(2).await;
    assert!(world.open_within(users[0], 1).await.is_some(), "the first unit");
    assert!(world.open_within(users[0], 1).await.is_none(), "the quota is used up");
    assert!(world.open_within(users[1], 1).await.is_some(), "another user has a quota of their own");
    assert!(world.open_within(users[0], 2).await.is_some(), "the quota asked for is the one that holds");
    world.advance(world.now().next_utc_midnight().since_ms(world.now()) - 1);
    assert!(world.open_within(users[0], 2).await.is_none(), "used up to the last millisecond of the day");
    world.advance(1);
    assert!(world.open_within(users[0], 1).await.is_some(), "it is new at midnight UTC");
}

/// Queues and claims `upload`, then gives it up for good.
async fn kill(world: &World, upload: &Upload) {
    assert_eq!(world.complete(upload).await, CompleteUploadOutcome::Queued, "a pending upload is queued");
    kill_queued(world).await;
}

async fn kill_queued(world: &World) {
    let job = world.claim_one().await;
    for expected in [true, false] {
        let failed = world.ledger.fail_job(job.upload.id, job.lease_token, "Not a picture", None, world.now()).await;
        assert_eq!(failed.expect("fail_job"), expected, "a job dies once");
    }
}

async fn pending_uploads_are_bounded_per_user(world: Arc<World>) {
    let users = world.users(2).await;
    let opened = at_once((0..20).map(|_| {
        let world = Arc::clone(&world);
        let user_id = users[0];
        async move {
            let new = NewUpload { daily_quota: Some(4), max_pending: Some(3), ..world.new_upload(user_id) };
            let upload = new.upload.clone();
            let outcome = world.ledger.create_upload(new).await.expect("create_upload");
            (outcome == CreateUploadOutcome::Created).then_some(upload)
        }
    }))
    .await;
    let opened: Vec<_> = opened.into_iter().flatten().collect();
    assert_eq!(opened.len(), 3, "of 20 at once exactly the bound is opened");
    let next = |user_id| NewUpload { daily_quota: Some(4), max_pending: Some(3), ..world.new_upload(user_id) };
    let refused = world.ledger.create_upload(next(users[0])).await.expect("create_upload");
    assert_eq!(refused, CreateUploadOutcome::TooManyPending, "a fourth has to wait");
    let others = world.ledger.create_upload(next(users[1])).await.expect("create_upload");
    assert_eq!(others, CreateUploadOutcome::Created, "each user has a bound of their own");
    assert_eq!(world.complete(&opened[0]).await, CompleteUploadOutcome::Queued, "one is no longer pending");
    let room = world.ledger.create_upload(next(users[0])).await.expect("create_upload");
    assert_eq!(room, CreateUploadOutcome::Created, "there is room, and no refusal took a unit of quota");
}

async fn a_dead_job_gives_its_unit_back_once(world: Arc<World>) {
    let user_id = world.user().await;
    let upload = world.open_within(user_id, 1).await.expect("the first unit");
    kill(&world, &upload).await;
    let retried = world.ledger.retry_job(upload.id, world.now()).await.expect("retry_job");
    assert!(retried, "a dead job is queued anew");
    assert!(world.open_within(user_id, 1).await.is_none(), "and holds its unit again");
    kill_queued(&world).await;
    assert!(world.open_within(user_id, 1).await.is_some(), "the unit was given back");
    assert!(world.open_within(user_id, 1).await.is_none(), "once, however often the job died");
}

async fn a_unit_goes_back_to_the_day_it_was_taken_from(world: Arc<World>) {
    let user_id = world.user().await;
    let yesterdays = world.open_within(user_id, 1).await.expect("the first day's unit");
    world.advance(DAY_MS);
    assert!(world.open_within(user_id, 1).await.is_some(), "the second day's unit");
    kill(&world, &yesterdays).await;
    assert!(world.open_within(user_id, 1).await.is_none(), "the first day's unit does not refill the second day");
}

async fn completing_is_idempotent_and_only_for_the_owner(world: Arc<World>) {
    let users = world.users(2).await;
    let upload = world.open(users[0]).await;
    let complete = |id: UploadId, user_id, caption: &'static str| {
        let world = Arc::clone(&world);
        async move {
            let outcome = world.ledger.complete_upload(id, user_id, caption, "Words", world.now(), ROOMY_QUEUE).await;
            outcome.expect("complete_upload")
        }
    };
    assert_eq!(complete(upload.id, users[1], "Mine").await, CompleteUploadOutcome::NotFound, "somebody else's upload");
    let unknown = world.new_upload(users[0]).upload.id;
    assert_eq!(complete(unknown, users[0], "Mine").await, CompleteUploadOutcome::NotFound, "an unknown upload");
    assert_eq!(complete(upload.id, users[0], "First").await, CompleteUploadOutcome::Queued, "the first completion");
    let again = complete(upload.id, users[0], "Second").await;
    assert_eq!(again, CompleteUploadOutcome::Already(UploadStatus::Processing), "a repeated completion");
    let stands = world.upload(upload.id).await;
    assert_eq!((stands.status, stands.caption.as_str()), (UploadStatus::Processing, "First"), "the first one's words");
    assert_eq!(stands.alt_text, "Words", "the alternative text is kept");
    assert_eq!(world.claim(10).await.len(), 1, "one job, however often it was completed");

    let raced = world.open(users[0]).await;
    let outcomes = at_once((0..10).map(|_| complete(raced.id, users[0], "Race"))).await;
    let queued = outcomes.iter().filter(|outcome| **outcome == CompleteUploadOutcome::Queued).count();
    assert_eq!(queued, 1, "of ten completions at once one queues the job");
}

async fn a_full_queue_changes_nothing(world: Arc<World>) {
    let user_id = world.user().await;
    let uploads = [world.open(user_id).await, world.open(user_id).await, world.open(user_id).await];
    let complete = |upload: &Upload| {
        let (world, id) = (Arc::clone(&world), upload.id);
        async move { world.ledger.complete_upload(id, user_id, "", "", world.now(), 2).await.expect("complete_upload") }
    };
    assert_eq!(complete(&uploads[0]).await, CompleteUploadOutcome::Queued, "there is room for two");
    assert_eq!(complete(&uploads[1]).await, CompleteUploadOutcome::Queued, "there is room for two");
    assert_eq!(complete(&uploads[2]).await, CompleteUploadOutcome::QueueFull, "there is none for a third");
    assert_eq!(world.upload(uploads[2].id).await, uploads[2], "the refused upload stays pending as it was");
    let again = complete(&uploads[0]).await;
    assert_eq!(again, CompleteUploadOutcome::Already(UploadStatus::Processing), "what is queued stays queued");
    assert_eq!(world.claim(1).await.len(), 1, "a worker takes one");
    assert_eq!(complete(&uploads[2]).await, CompleteUploadOutcome::Queued, "a job under way waits no more");
}

async fn cancelling_gives_the_unit_back_and_takes_the_job_away(world: Arc<World>) {
    let users = world.users(2).await;
    let cancel = |id: UploadId, user_id: UserId| {
        let world = Arc::clone(&world);
        async move { world.ledger.cancel_upload(id, user_id, world.now()).await.expect("cancel_upload") }
    };
    let upload = world.open_within(users[0], 1).await.expect("the only unit");
    assert_eq!(world.complete(&upload).await, CompleteUploadOutcome::Queued, "a pending upload is queued");
    let job = world.claim_one().await;
    assert_eq!(cancel(upload.id, users[1]).await, CancelUploadOutcome::NotFound, "nobody else may");
    let CancelUploadOutcome::Cancelled(cancelled) = cancel(upload.id, users[0]).await else {
        panic!("an upload under way can be called off");
    };
    assert_eq!(*cancelled, world.upload(upload.id).await, "the upload comes as it stands");
    assert_eq!(cancelled.status, UploadStatus::Failed, "it is over");
    assert!(cancelled.error.is_some(), "and says why");
    let finished = world.finished(&job);
    let outcome = world.ledger.finish_job(upload.id, job.lease_token, finished).await.expect("finish_job");
    assert_eq!(outcome, FinishJobOutcome::LeaseLost, "who held the job has lost it");
    assert!(world.claim(10).await.is_empty(), "nobody else gets it");
    let again = cancel(upload.id, users[0]).await;
    assert_eq!(again, CancelUploadOutcome::Already(UploadStatus::Failed), "a second time changes nothing");
    let pending = world.open_within(users[0], 1).await.expect("the unit was given back");
    assert!(world.open_within(users[0], 1).await.is_none(), "once");
    assert!(matches!(cancel(pending.id, users[0]).await, CancelUploadOutcome::Cancelled(_)), "a pending one as well");
    let posted = world.queue(users[0]).await;
    let job = world.claim_one().await;
    world.finish(&job).await;
    let too_late = cancel(posted.id, users[0]).await;
    assert_eq!(too_late, CancelUploadOutcome::Already(UploadStatus::Completed), "a post is deleted, not cancelled");
}

async fn the_sweep_fails_what_ran_out_and_gives_units_back(world: Arc<World>) {
    let user_id = world.user().await;
    let expired = world.open_within(user_id, 2).await.expect("the first unit");
    let processing = world.open_within(user_id, 2).await.expect("the second unit");
    assert_eq!(world.complete(&processing).await, CompleteUploadOutcome::Queued, "a pending upload is queued");
    world.advance(PRESIGN_SECONDS as i64 * 1_000 + 1);
    let fresh = world.open(world.user().await).await;

    let swept = world.ledger.sweep_uploads(world.now(), 10).await.expect("sweep_uploads");
    assert_eq!(swept.iter().map(|upload| upload.id).collect::<Vec<_>>(), [expired.id], "only what ran out is swept");
    assert_eq!(swept[0].object_key, expired.object_key, "its object's key is told");
    let stands = world.upload(expired.id).await;
    assert_eq!(stands.status, UploadStatus::Failed, "a swept upload failed");
    assert!(stands.error.is_some(), "and says why");
    assert_eq!(world.upload(processing.id).await.status, UploadStatus::Processing, "a completed one goes on");
    assert_eq!(world.upload(fresh.id).await.status, UploadStatus::Pending, "a fresh one goes on");
    assert!(world.ledger.sweep_uploads(world.now(), 10).await.expect("sweep_uploads").is_empty(), "swept once");
    let late = world.complete(&expired).await;
    assert_eq!(late, CompleteUploadOutcome::Already(UploadStatus::Failed), "a swept upload cannot be completed");
    assert!(world.open_within(user_id, 2).await.is_some(), "the swept unit was given back");
    assert!(world.open_within(user_id, 2).await.is_none(), "once");
}

/// The uploads whose objects are due now.
async fn ended(world: &World) -> Vec<UploadId> {
    let ended = world.ledger.ended_uploads(world.now(), 10).await.expect("ended_uploads");
    ended.into_iter().map(|upload| upload.id).collect()
}

async fn objects_of_what_ended_are_due_when_nothing_can_be_written_any_more(world: Arc<World>) {
    let user_id = world.user().await;
    let cancelled = world.open(user_id).await;
    world.ledger.cancel_upload(cancelled.id, user_id, world.now()).await.expect("cancel_upload");
    let queued = world.queue(user_id).await;
    let job = world.claim_one().await;
    let post_id = world.finish(&job).await;
    world.ledger.delete_post(post_id, user_id, world.now()).await.expect("delete_post");
    let kept = world.queue(user_id).await;
    world.finish(&world.claim_one().await).await;
    let forgotten = world.open(user_id).await;
    assert!(ended(&world).await.is_empty(), "their URLs are still valid");

    world.advance(PRESIGN_SECONDS as i64 * 1_000 + SWEEP_GRACE_MS + 1);
    assert_eq!(sorted(&ended(&world).await), sorted(&[cancelled.id, queued.id]), "called off, and deleted as a post");
    let expired_before = world.now().plus_ms(-SWEEP_GRACE_MS);
    world.ledger.sweep_uploads(expired_before, 10).await.expect("sweep_uploads");
    let due = ended(&world).await;
    assert_eq!(sorted(&due), sorted(&[cancelled.id, queued.id, forgotten.id]), "what was swept is due at once");
    assert!(!due.contains(&kept.id), "what has a post is not");
    let oldest = world.ledger.ended_uploads(world.now(), 1).await.expect("ended_uploads");
    assert_eq!(oldest.len(), 1, "no more than were asked for");
    assert_eq!(oldest[0], world.upload(oldest[0].id).await, "it comes as it stands");

    world.ledger.objects_deleted(&[cancelled.id, queued.id]).await.expect("objects_deleted");
    assert_eq!(ended(&world).await, [forgotten.id], "what is done is not named again");
}

async fn objects_of_a_dead_job_stay_as_long_as_it_can_be_tried_again(world: Arc<World>) {
    let user_id = world.user().await;
    let kill = || async {
        let job = world.claim_one().await;
        let failed = world.ledger.fail_job(job.upload.id, job.lease_token, "broken", None, world.now()).await;
        assert!(failed.expect("fail_job"), "the lease is held");
    };
    let retry = |id| {
        let world = &world;
        async move { world.ledger.retry_job(id, world.now()).await.expect("retry_job") }
    };
    let upload = world.queue(user_id).await;
    kill().await;
    world.advance(GIVEN_UP_KEPT_MS - DAY_MS);
    assert!(ended(&world).await.is_empty(), "an operator may have it tried again");
    assert!(retry(upload.id).await, "and does");
    world.advance(2 * DAY_MS);
    assert!(ended(&world).await.is_empty(), "it goes on");
    kill().await;
    world.advance(GIVEN_UP_KEPT_MS - SWEEP_GRACE_MS);
    assert!(!retry(upload.id).await, "its objects are about to go");
    world.advance(SWEEP_GRACE_MS);
    assert_eq!(ended(&world).await, [upload.id], "their time has come");
    assert_eq!(world.ledger.job_counts().await.expect("job_counts").dead, 1, "the job is known until then");
    world.ledger.objects_deleted(&[upload.id]).await.expect("objects_deleted");
    assert_eq!(world.ledger.job_counts().await.expect("job_counts").dead, 0, "and forgotten with them");
    assert_eq!(world.upload(upload.id).await.error.as_deref(), Some("broken"), "its owner still reads why");
}

async fn the_sweep_keeps_to_its_limit(world: Arc<World>) {
    let user_id = world.user().await;
    let mut opened = Vec::new();
    for _ in 0..5 {
        opened.push(world.open(user_id).await.id);
    }
    world.advance(PRESIGN_SECONDS as i64 * 1_000 + 1);
    let mut swept = Vec::new();
    for expected in [2, 2, 1, 0] {
        let part = world.ledger.sweep_uploads(world.now(), 2).await.expect("sweep_uploads");
        assert_eq!(part.len(), expected, "at most two at a time, until none is left");
        swept.extend(part.iter().map(|upload| upload.id));
    }
    assert_eq!(sorted(&swept), sorted(&opened), "each once");
}
