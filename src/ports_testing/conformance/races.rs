//! Counters under concurrency: many batches over many shards at once.

use super::{
    report::ledger_checks,
    world::{World, at_once, like, unlike},
};
use std::{collections::HashSet, future::Future, sync::Arc};
use tessera_domain::{
    PostId, UserId,
    counters::{COUNTER_SHARDS, CounterOperation, CounterOutcome, Counts},
    event::Event,
};

ledger_checks!(
    totals_are_exact_under_a_hundred_batches_at_once,
    likes_racing_unlikes_leave_exact_totals,
    comments_at_once_are_all_counted,
    a_deletion_racing_likes_leaves_nothing_counted,
);

/// Applies every batch at once; gives the outcomes of each.
async fn apply_all(
    world: &Arc<World>,
    post_id: PostId,
    batches: Vec<(u16, Vec<CounterOperation>)>,
) -> Vec<Vec<CounterOutcome>> {
    at_once(batches.into_iter().map(|(shard, operations)| {
        let world = Arc::clone(world);
        async move { world.apply(post_id, shard, &operations).await.outcomes }
    }))
    .await
}

async fn totals_are_exact_under_a_hundred_batches_at_once(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let users = world.users(100).await;
    world.events().await;
    // Batch n holds users n to n+2, so every user likes three times, from three shards at once.
    let batches = (0..100usize).map(|batch| {
        let operations = (0..3).map(|step| like(users[(batch + step) % 100])).collect();
        (batch as u16 % COUNTER_SHARDS, operations)
    });
    let outcomes = apply_all(&world, post_id, batches.collect()).await.concat();
    let applied = outcomes.iter().filter(|outcome| **outcome == CounterOutcome::Applied).count();
    assert_eq!(applied, 100, "each of 100 users' likes was new once, although each was sent three times");
    assert!(outcomes.iter().all(|o| matches!(o, CounterOutcome::Applied | CounterOutcome::AlreadyLiked)), "no other");
    assert_eq!(world.counts(post_id).await, Counts { likes: 100, comments: 0 }, "the total is exact");
    let likers = world.ledger.likers(post_id, None, 200).await.expect("likers");
    assert_eq!(likers.len(), 100, "and equals the likers");
    let told: Vec<UserId> = world.events().await.into_iter().flat_map(liked_by).collect();
    assert_eq!(told.len(), 100, "every new like is told in one event");
    assert_eq!(told.into_iter().collect::<HashSet<_>>(), users.into_iter().collect(), "of the one who liked");
}

fn liked_by(event: Event) -> Vec<UserId> {
    match event {
        Event::Engaged { liked_by, .. } => liked_by,
        _ => Vec::new(),
    }
}

async fn likes_racing_unlikes_leave_exact_totals(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let users = world.users(10).await;
    let batches = (0..100usize).map(|step| {
        let user = users[step % 10];
        let operation = if (step / 10) % 2 == 0 { like(user) } else { unlike(user) };
        ((step * 7) as u16 % COUNTER_SHARDS, vec![operation])
    });
    let sent: Vec<_> = batches.collect();
    let outcomes = apply_all(&world, post_id, sent.clone()).await;
    let mut balance = 0;
    for ((_, operations), outcome) in sent.iter().zip(outcomes.concat()) {
        let change = if matches!(operations[0], CounterOperation::Like { .. }) { 1 } else { -1 };
        balance += if outcome == CounterOutcome::Applied { change } else { 0 };
    }
    let counts = world.counts(post_id).await;
    assert_eq!(counts.likes as i64, balance, "the total equals the acknowledged likes less the acknowledged unlikes");
    let likers = world.ledger.likers(post_id, None, 100).await.expect("likers");
    assert_eq!(likers.len() as u64, counts.likes, "and equals the likers");
}

async fn comments_at_once_are_all_counted(world: Arc<World>) {
    let post_id = world.post(world.user().await).await;
    let user = world.user().await;
    let batches = (0..40u16).map(|step| {
        // Every key is used by two comments.
        let key = format!("key {}", step / 2);
        (step % COUNTER_SHARDS, vec![world.comment(user, Some(&key)).1])
    });
    let outcomes = apply_all(&world, post_id, batches.collect()).await.concat();
    let applied = outcomes.iter().filter(|outcome| **outcome == CounterOutcome::Applied).count();
    assert_eq!(applied, 20, "each of 20 keys gives one comment, although each was sent twice");
    assert_eq!(world.counts(post_id).await, Counts { likes: 0, comments: 20 }, "the total is exact");
    assert_eq!(world.ledger.comments(post_id, None, 100).await.expect("comments").len(), 20, "and equals the list");
}

async fn a_deletion_racing_likes_leaves_nothing_counted(world: Arc<World>) {
    let author = world.user().await;
    let post_id = world.post(author).await;
    let users = world.users(30).await;
    at_once(users.iter().enumerate().map(|(step, user)| {
        let (world, user) = (Arc::clone(&world), *user);
        async move {
            if step == 15 {
                world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
            }
            world.apply(post_id, step as u16 % COUNTER_SHARDS, &[like(user)]).await;
        }
    }))
    .await;
    assert_eq!(world.counts(post_id).await, Counts::default(), "a deleted post counts nothing");
    assert!(world.ledger.likers(post_id, None, 100).await.expect("likers").is_empty(), "and nobody likes it");
}
