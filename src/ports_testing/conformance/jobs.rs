//! Media jobs on their good way: claims, leases, fairness and the one post at the end.

use super::{
    report::ledger_checks,
    world::{LEASE_MS, World, at_once, sorted},
};
use std::{collections::HashSet, future::Future, sync::Arc};
use tessera_domain::{PostId, UploadId, event::Event, post::Post, upload::UploadStatus};
use tessera_ports::ledger::{FinishJobOutcome, JobCounts, JobState, MediaJob};

ledger_checks!(
    a_claimed_job_is_handed_out_once,
    an_expired_lease_is_claimed_again,
    a_stale_token_is_refused,
    an_extended_lease_holds_longer,
    jobs_come_oldest_first,
    a_users_second_job_waits_for_other_users_first_ones,
    no_more_videos_are_handed_out_than_asked_for,
    claimers_at_once_never_share_a_job,
    finishing_makes_the_post,
    finishing_twice_makes_one_post,
    finishers_at_once_make_one_post,
    a_late_finisher_gets_the_first_ones_post,
    a_released_job_is_due_at_once_and_unspent,
    operators_see_where_jobs_stand,
    new_work_wakes_its_workers,
);

fn upload_ids(jobs: &[MediaJob]) -> Vec<UploadId> {
    jobs.iter().map(|job| job.upload.id).collect()
}

async fn a_claimed_job_is_handed_out_once(world: Arc<World>) {
    assert!(world.claim(10).await.is_empty(), "nothing queued, nothing claimed");
    let upload = world.queue(world.user().await).await;
    let job = world.claim_one().await;
    assert_eq!(job.upload, world.upload(upload.id).await, "the job carries its upload as it stands");
    assert_eq!(job.upload.caption, "Evening at the #Lake", "caption included");
    assert_eq!(job.attempt, 1, "attempts count from 1");
    assert!(world.claim(10).await.is_empty(), "a held job is handed to nobody else");
    world.advance(LEASE_MS - 1);
    assert!(world.claim(10).await.is_empty(), "not until the lease ran out");
}

async fn an_expired_lease_is_claimed_again(world: Arc<World>) {
    world.queue(world.user().await).await;
    let first = world.claim_one().await;
    world.advance(LEASE_MS + 1);
    let second = world.claim_one().await;
    assert_eq!(second.upload.id, first.upload.id, "the job is handed out again");
    assert_eq!(second.attempt, 2, "the claim spent another attempt");
    assert_ne!(second.lease_token, first.lease_token, "every lease has a token of its own");
}

async fn a_stale_token_is_refused(world: Arc<World>) {
    let upload = world.queue(world.user().await).await;
    let stale = world.claim_one().await;
    world.advance(LEASE_MS + 1);
    let held = world.claim_one().await;
    let (id, token, now) = (upload.id, stale.lease_token, world.now());
    let extended = world.ledger.extend_lease(id, token, now.plus_ms(10 * LEASE_MS)).await.expect("extend_lease");
    assert!(!extended, "a stale token extends nothing");
    let failed = world.ledger.fail_job(id, token, "Stale", None, now).await.expect("fail_job");
    assert!(!failed, "a stale token fails nothing");
    assert!(
        !world.ledger.release_job(id, token, now, None).await.expect("release_job"),
        "a stale token releases nothing"
    );
    let finished = world.ledger.finish_job(id, token, world.finished(&stale)).await.expect("finish_job");
    assert_eq!(finished, FinishJobOutcome::LeaseLost, "a stale token finishes nothing");
    assert_eq!(world.upload(id).await.status, UploadStatus::Processing, "the upload is under way still");
    assert!(world.claim(10).await.is_empty(), "the new holder's lease stands");
    world.finish(&held).await;
}

async fn an_extended_lease_holds_longer(world: Arc<World>) {
    world.queue(world.user().await).await;
    let job = world.claim_one().await;
    let until = world.now().plus_ms(3 * LEASE_MS);
    let extended = world.ledger.extend_lease(job.upload.id, job.lease_token, until).await.expect("extend_lease");
    assert!(extended, "the holder may extend");
    world.advance(2 * LEASE_MS);
    assert!(world.claim(10).await.is_empty(), "the extended lease holds");
    world.advance(LEASE_MS + 1);
    assert_eq!(world.claim_one().await.attempt, 2, "and runs out in the end");
}

async fn jobs_come_oldest_first(world: Arc<World>) {
    let mut queued = Vec::new();
    for user in world.users(5).await {
        queued.push(world.queue(user).await.id);
        world.advance(10);
    }
    let first = world.claim(2).await;
    assert_eq!(upload_ids(&first), queued[..2], "the oldest jobs first, at most as many as asked for");
    let rest = world.claim(10).await;
    assert_eq!(upload_ids(&rest), queued[2..], "then the others in their order");
}

async fn a_users_second_job_waits_for_other_users_first_ones(world: Arc<World>) {
    let users = world.users(3).await;
    for user in [users[0], users[0], users[0], users[1], users[2]] {
        world.queue(user).await;
        world.advance(10);
    }
    let together: Vec<_> = world.claim(3).await.iter().map(|job| job.upload.user_id).collect();
    assert_eq!(sorted(&together), sorted(&users), "one job of each user, although one user's three are the oldest");
    let rest: Vec<_> = world.claim(10).await.iter().map(|job| job.upload.user_id).collect();
    assert_eq!(rest, [users[0]; 2], "with nobody else waiting, one user may have all workers");

    let users = world.users(3).await;
    for user in [users[0], users[0], users[1], users[2]] {
        world.queue(user).await;
        world.advance(10);
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(world.claim_one().await.upload.user_id);
    }
    assert_eq!(order, [users[0], users[1], users[2], users[0]], "fair over separate claims too");
}

async fn no_more_videos_are_handed_out_than_asked_for(world: Arc<World>) {
    let users = world.users(2).await;
    let mut queued = Vec::new();
    for (user_id, content_type) in [
        (users[0], "video/mp4"),
        (users[0], "video/webm"),
        (users[1], "video/quicktime"),
        (users[0], "image/jpeg"),
        (users[1], "image/png"),
    ] {
        let mut new = world.new_upload(user_id);
        new.upload.content_type = content_type.to_owned();
        let upload = new.upload.clone();
        world.ledger.create_upload(new).await.expect("create_upload");
        world.complete(&upload).await;
        queued.push(upload.id);
    }
    let claim = |limit, max_videos| world.ledger.claim_jobs(limit, max_videos, LEASE_MS, world.now());
    let photos = claim(10, 0).await.expect("claim_jobs");
    assert_eq!(sorted(&upload_ids(&photos)), sorted(&queued[3..]), "no video, all photos");
    let one = claim(10, 1).await.expect("claim_jobs");
    let two = claim(1, 10).await.expect("claim_jobs");
    let rest = claim(10, 10).await.expect("claim_jobs");
    assert_eq!([one.len(), two.len(), rest.len()], [1, 1, 1], "as many videos as asked for");
    let videos: Vec<UploadId> = [one, two, rest].into_iter().flat_map(|jobs| upload_ids(&jobs)).collect();
    assert_eq!(sorted(&videos), sorted(&queued[..3]), "each once");
}

async fn claimers_at_once_never_share_a_job(world: Arc<World>) {
    for user in world.users(10).await {
        world.queue(user).await;
        world.queue(user).await;
    }
    let claims = at_once((0..12).map(|_| {
        let world = Arc::clone(&world);
        async move { world.claim(3).await }
    }))
    .await;
    let jobs: Vec<MediaJob> = claims.into_iter().flatten().collect();
    let uploads: HashSet<UploadId> = jobs.iter().map(|job| job.upload.id).collect();
    assert_eq!((jobs.len(), uploads.len()), (20, 20), "every job is handed out, each to one claimer");
    assert!(jobs.iter().all(|job| job.attempt == 1), "one attempt is spent on each");
}

async fn finishing_makes_the_post(world: Arc<World>) {
    let author = world.user().await;
    let upload = world.queue(author).await;
    let job = world.claim_one().await;
    world.events().await;
    let finished = world.finished(&job);
    let outcome = world.ledger.finish_job(upload.id, job.lease_token, finished.clone()).await.expect("finish_job");
    let post_id = finished.post_id;
    assert_eq!(outcome, FinishJobOutcome::Posted(post_id), "the post gets the id that was given");
    let expected = Post {
        id: post_id,
        author_id: author,
        caption: "Evening at the #Lake".to_owned(),
        alt_text: "A lake".to_owned(),
        hashtags: vec!["lake".to_owned()],
        media: finished.media,
        edited_at: None,
    };
    assert_eq!(world.ledger.posts(&[post_id]).await.expect("posts"), [expected], "the post is what was handed in");
    let stands = world.upload(upload.id).await;
    assert_eq!((stands.status, stands.post_id), (UploadStatus::Completed, Some(post_id)), "the upload is completed");
    assert_eq!(world.account(author).await.post_count, 1, "the author's post is counted");
    assert_eq!(world.events().await, [Event::PostCreated { post_id, author_id: author }], "PostCreated is recorded");
    assert_eq!(world.ledger.job_counts().await.expect("job_counts"), JobCounts::default(), "the job is gone");
    world.advance(10 * LEASE_MS);
    assert!(world.claim(10).await.is_empty(), "and never comes back");
}

async fn one_post_only(world: &World, post_id: PostId) {
    let post = world.ledger.posts(&[post_id]).await.expect("posts").remove(0);
    let listed = world.ledger.posts_by_author(post.author_id, None, 10).await.expect("posts_by_author");
    assert_eq!(listed.len(), 1, "the author has one post");
    assert_eq!(world.account(post.author_id).await.post_count, 1, "one post is counted");
    let created = world.events().await.iter().filter(|event| matches!(event, Event::PostCreated { .. })).count();
    assert_eq!(created, 1, "one PostCreated event");
}

async fn finishing_twice_makes_one_post(world: Arc<World>) {
    world.queue(world.user().await).await;
    let job = world.claim_one().await;
    let first = world.finish(&job).await;
    assert_eq!(world.finish(&job).await, first, "a second finish gives the first one's post, whatever its id");
    one_post_only(&world, first).await;
}

async fn finishers_at_once_make_one_post(world: Arc<World>) {
    world.queue(world.user().await).await;
    let job = world.claim_one().await;
    let posts = at_once((0..10).map(|_| {
        let (world, job) = (Arc::clone(&world), job.clone());
        async move { world.finish(&job).await }
    }))
    .await;
    assert!(posts.iter().all(|post| *post == posts[0]), "everybody gets the same post");
    one_post_only(&world, posts[0]).await;
}

async fn a_late_finisher_gets_the_first_ones_post(world: Arc<World>) {
    world.queue(world.user().await).await;
    let slow = world.claim_one().await;
    world.advance(LEASE_MS + 1);
    let quick = world.claim_one().await;
    let post_id = world.finish(&quick).await;
    assert_eq!(world.finish(&slow).await, post_id, "who lost the lease learns of the post all the same");
    one_post_only(&world, post_id).await;
}

async fn a_released_job_is_due_at_once_and_unspent(world: Arc<World>) {
    world.queue(world.user().await).await;
    let release = |job: MediaJob, delay_ms: i64, reason: Option<&'static str>| {
        let world = Arc::clone(&world);
        async move {
            let due_at = world.now().plus_ms(delay_ms);
            world.ledger.release_job(job.upload.id, job.lease_token, due_at, reason).await.expect("release_job")
        }
    };
    let job = world.claim_one().await;
    assert!(release(job.clone(), 0, None).await, "the holder may give the job back");
    assert!(!release(job.clone(), 0, None).await, "once");
    let next = world.claim_one().await;
    assert_eq!((next.upload.id, next.attempt), (job.upload.id, 1), "due at once, and the attempt was not counted");
    assert!(release(next, 5_000, Some("The store is away")).await, "or put it off");
    let seen = world.ledger.jobs(Some(JobState::Queued), None, 10).await.expect("jobs").remove(0);
    assert_eq!((seen.attempts, seen.last_error.as_deref()), (0, Some("The store is away")), "and say why");
    world.advance(4_999);
    assert!(world.claim(10).await.is_empty(), "it is not due before its time");
    world.advance(2);
    let last = world.claim_one().await;
    assert_eq!((last.attempt, last.queued_at), (1, job.queued_at), "no attempt was counted, and it grows old");
}

async fn operators_see_where_jobs_stand(world: Arc<World>) {
    let mut queued = Vec::new();
    for user in world.users(4).await {
        queued.push(world.queue(user).await);
        world.advance(10);
    }
    let held = world.claim(2).await;
    let dead = &held[0];
    world.ledger.fail_job(dead.upload.id, dead.lease_token, "Torn", None, world.now()).await.expect("fail_job");
    let counts = world.ledger.job_counts().await.expect("job_counts");
    assert_eq!(counts, JobCounts { queued: 2, leased: 1, dead: 1 }, "how many jobs stand where");

    let all = world.ledger.jobs(None, None, 10).await.expect("jobs");
    let in_order: Vec<UploadId> = queued.iter().map(|upload| upload.id).collect();
    assert_eq!(all.iter().map(|job| job.upload_id).collect::<Vec<_>>(), in_order, "all jobs, oldest first");
    let states: Vec<JobState> = all.iter().map(|job| job.state).collect();
    assert_eq!(states, [JobState::Dead, JobState::Leased, JobState::Queued, JobState::Queued], "each in its state");
    assert_eq!(all.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1, 1, 0, 0], "attempts that were spent");
    assert_eq!(all[0].last_error.as_deref(), Some("Torn"), "the last failure");
    assert_eq!((all[2].user_id, all[2].last_error.as_deref()), (queued[2].user_id, None), "whose, and no failure");
    assert_eq!(all[3].created_at.since_ms(all[2].created_at), 10, "when each was queued");

    let after = |state, after: Option<i64>| {
        let world = Arc::clone(&world);
        async move { world.ledger.jobs(state, after, 2).await.expect("jobs") }
    };
    let first = after(None, None).await;
    let second = after(None, Some(first[1].number)).await;
    assert_eq!([first, second.clone()].concat(), all, "page by page");
    assert!(after(None, Some(second[1].number)).await.is_empty(), "to their end");
    assert_eq!(after(Some(JobState::Queued), Some(second[0].number)).await, all[3..], "and in one state");

    let waiting = world.ledger.jobs(Some(JobState::Queued), None, 1).await.expect("jobs");
    assert_eq!(waiting.iter().map(|job| job.upload_id).collect::<Vec<_>>(), in_order[2..3], "one state, up to a limit");
    assert_eq!(world.ledger.jobs(Some(JobState::Leased), None, 10).await.expect("jobs").len(), 1, "leased jobs");
    assert_eq!(world.ledger.jobs(Some(JobState::Dead), None, 10).await.expect("jobs").len(), 1, "dead jobs");
}

async fn new_work_wakes_its_workers(world: Arc<World>) {
    let wait = std::time::Duration::from_secs(10);
    let author = world.user().await;
    let worker = tokio::spawn({
        let world = Arc::clone(&world);
        async move { tokio::time::timeout(wait, world.ledger.wakes().media_jobs.notified()).await.is_ok() }
    });
    tokio::task::yield_now().await;
    world.queue(author).await;
    assert!(worker.await.expect("the waiting task"), "a committed job wakes a worker");

    let job = world.claim_one().await;
    world.finish(&job).await;
    let woken = tokio::time::timeout(wait, world.ledger.wakes().outbox.notified()).await;
    assert!(woken.is_ok(), "a committed event wakes the relay, even one that comes to wait a moment later");
}
