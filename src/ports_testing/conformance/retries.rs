//! Writes sent again until they succeed, over a ledger that fails before and after they happen.
//!
//! What is checked: whatever a `Determinacy::Unknown` error hides, a write sent again by its ids
//! takes effect once.

use super::{
    model::seed_from_environment,
    report::ledger_checks,
    world::{LEASE_MS, NO_CELEBRITIES, ROOMY_QUEUE, World, like},
};
use crate::faults::{FaultPlan, Faults, Faulty};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    NotificationId, PostId, UserId,
    counters::Counts,
    event::Event,
    notification::{NotificationKind, Signal},
};
use tessera_ports::{
    Ledger, StoreResult,
    ledger::{FinishJobOutcome, NewUpload, SavedReply},
};

ledger_checks!(writes_sent_again_take_effect_once);

/// Far more than a write needs at these rates: a failure here is not chance.
const MAX_TRIES: usize = 100;

/// Sends a call again until it succeeds.
async fn again<T, Fut: Future<Output = StoreResult<T>>>(call: impl Fn() -> Fut) -> T {
    for _ in 0..MAX_TRIES {
        match call().await {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient(), "only injected faults: {error}"),
        }
    }
    panic!("{MAX_TRIES} tries in a row failed");
}

async fn writes_sent_again_take_effect_once(world: Arc<World>) {
    let plan = FaultPlan { before_rate: 0.25, after_rate: 0.25, ..FaultPlan::quiet(seed_from_environment()) };
    let faulty = Arc::new(Faulty::new(Arc::clone(&world.ledger), Faults::new(plan)));
    let stormy = World::new(Arc::clone(&faulty) as _);
    let mut users = Vec::new();
    for _ in 0..8 {
        let new = stormy.new_user();
        again(|| stormy.ledger.create_user(new.clone())).await;
        users.push(new.id);
    }
    let mut posts = Vec::new();
    for user in &users {
        posts.push(post(&stormy, &*world.ledger, *user).await);
    }
    for user in &users[1..] {
        engage(&stormy, *user, users[0], posts[0]).await;
    }
    let injected = faulty.decorator().injected();
    assert!(injected.before > 0 && injected.after > 0, "the storm blew: {injected:?}");
    faulty.decorator().set_enabled(false);
    compare(&stormy, &users, &posts).await;
}

/// Takes a picture from upload to post through the storm, under a quota of one.
async fn post(world: &World, calm: &dyn Ledger, author: UserId) -> PostId {
    let new = NewUpload { daily_quota: Some(1), ..world.new_upload(author) };
    again(|| world.ledger.create_upload(new.clone())).await;
    let id = new.upload.id;
    again(|| world.ledger.complete_upload(id, author, "", "", world.now(), ROOMY_QUEUE)).await;
    // A claim that happened and then timed out would spend an attempt, so claims go around the storm.
    let jobs = calm.claim_jobs(1, 1, LEASE_MS, world.now()).await.expect("claim_jobs");
    let job = &jobs[0];
    let finished = world.finished(job);
    match again(|| world.ledger.finish_job(id, job.lease_token, finished.clone())).await {
        FinishJobOutcome::Posted(post_id) => post_id,
        FinishJobOutcome::LeaseLost => panic!("nobody else holds the job"),
    }
}

/// Follows, likes, comments and notifies through the storm.
async fn engage(world: &World, user: UserId, author: UserId, post_id: PostId) {
    let now = world.now();
    again(|| world.ledger.follow(user, author, now, NO_CELEBRITIES)).await;
    let (_, comment) = world.comment(user, None);
    let operations = [like(user), comment];
    again(|| world.ledger.apply_counter_batch(post_id, user.0 as u16 % 8, &operations, now)).await;
    let signal = Signal { kind: NotificationKind::Like, post_id: Some(post_id), comment_id: None, actor_id: user };
    let signals = [(signal, NotificationId(world.id()))];
    again(|| world.ledger.record_signals(author, &signals, now)).await;
    let reply = SavedReply { fingerprint: [0; 32], label: 200, body: user.0.to_le_bytes().to_vec() };
    again(|| world.ledger.save_reply("all", "key", reply.clone(), now)).await;
}

async fn compare(world: &World, users: &[UserId], posts: &[PostId]) {
    for (user, post) in users.iter().zip(posts) {
        let account = world.account(*user).await;
        assert_eq!(account.post_count, 1, "one post each, however often it was finished");
        let listed = world.ledger.posts_by_author(*user, None, 10).await.expect("posts_by_author");
        assert_eq!(listed.iter().map(|listed| listed.post_id).collect::<Vec<_>>(), [*post], "the one that was told");
        assert!(world.open_within(*user, 2).await.is_some(), "one unit of quota each was taken");
        assert!(world.open_within(*user, 2).await.is_none(), "and then a second, and no more");
    }
    let others = users.len() as u64 - 1;
    assert_eq!(world.account(users[0]).await.follower_count, others, "each follow counts once");
    let expected = Counts { likes: others, comments: others };
    assert_eq!(world.counts(posts[0]).await, expected, "each like and comment counts once");
    let inbox = world.ledger.notifications(users[0], None, 10).await.expect("notifications");
    assert_eq!(inbox[0].actor_count, others, "each signal counts once");
    let saved = world.ledger.saved_reply("all", "key", world.now()).await.expect("saved_reply").expect("a reply");
    assert_eq!(saved.body, users[1].0.to_le_bytes(), "the first reply stays");

    let events = world.events().await;
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count() as u64;
    assert_eq!(count(|event| matches!(event, Event::PostCreated { .. })), others + 1, "each post is told once");
    assert_eq!(count(|event| matches!(event, Event::Followed { .. })), others, "each follow is told once");
    assert_eq!(count(|event| matches!(event, Event::Engaged { .. })), others, "each like and comment is told once");
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "no counter is wrong");
}
