//! The celebrity rule, and the bound on how many accounts one may follow.

use super::{
    report::ledger_checks,
    world::{World, at_once, sorted},
};
use futures::{StreamExt, stream};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    UserId,
    celebrity::{CelebrityRule, PULL_AFTER_END_MS, PulledAuthor},
    event::Event,
};
use tessera_ports::ledger::{FollowOutcome, MAX_FOLLOWEES};

ledger_checks!(
    the_celebrity_flag_has_hysteresis_and_is_told_once,
    a_block_decides_the_celebrity_flag_too,
    followers_racing_over_the_threshold_tell_it_once,
    former_celebrities_are_pulled_for_a_while,
    nobody_follows_more_than_the_limit,
);

/// Up at 10 followers, down below 9.
const RULE: CelebrityRule = CelebrityRule { threshold: 10 };

async fn follow_all(world: &World, followers: &[UserId], author: UserId) {
    for follower in followers {
        let outcome = world.ledger.follow(*follower, author, world.now(), RULE).await.expect("follow");
        assert_eq!(outcome, FollowOutcome::Followed, "a new follow");
    }
}

async fn unfollow(world: &World, follower: UserId, author: UserId) {
    assert!(world.ledger.unfollow(follower, author, world.now(), RULE).await.expect("unfollow"), "a follow is undone");
}

async fn celebrity_changes(world: &World) -> Vec<bool> {
    let events = world.events().await;
    let changes = events.iter().filter_map(|event| match event {
        Event::CelebrityChanged { celebrity, .. } => Some(*celebrity),
        _ => None,
    });
    changes.collect()
}

async fn the_celebrity_flag_has_hysteresis_and_is_told_once(world: Arc<World>) {
    let author = world.user().await;
    let fans = world.users(12).await;
    follow_all(&world, &fans[..9], author).await;
    assert!(!world.account(author).await.celebrity, "9 of 10 is no celebrity");
    follow_all(&world, &fans[9..], author).await;
    assert!(world.account(author).await.celebrity, "the threshold makes a celebrity");
    assert_eq!(celebrity_changes(&world).await, [true], "crossing up is told once");

    for fan in &fans[..3] {
        unfollow(&world, *fan, author).await;
    }
    let account = world.account(author).await;
    assert!(account.celebrity && account.follower_count == 9, "9 is within the hysteresis");
    assert!(celebrity_changes(&world).await.is_empty(), "nothing was crossed");

    world.advance(5_000);
    let ended_at = world.now();
    unfollow(&world, fans[3], author).await;
    let account = world.account(author).await;
    assert!(!account.celebrity, "8 is below the lower bound");
    assert_eq!(account.celebrity_ended_at, Some(ended_at), "when it ended is kept");
    assert_eq!(celebrity_changes(&world).await, [false], "crossing down is told once");

    follow_all(&world, &fans[..2], author).await;
    assert!(world.account(author).await.celebrity, "the threshold makes a celebrity again");
    assert_eq!(celebrity_changes(&world).await, [true], "crossing up again is told once");
}

async fn a_block_decides_the_celebrity_flag_too(world: Arc<World>) {
    let author = world.user().await;
    let fans = world.users(10).await;
    follow_all(&world, &fans, author).await;
    for fan in &fans[..2] {
        assert!(world.ledger.block(author, *fan, world.now(), RULE).await.expect("block"), "a block of an account");
    }
    let account = world.account(author).await;
    assert!(!account.celebrity && account.follower_count == 8, "follows that a block ended count for the rule");
    assert_eq!(celebrity_changes(&world).await, [true, false], "up by follows, down by blocks");
}

async fn followers_racing_over_the_threshold_tell_it_once(world: Arc<World>) {
    let author = world.user().await;
    let fans = world.users(30).await;
    at_once(fans.into_iter().map(|fan| {
        let world = Arc::clone(&world);
        async move { world.ledger.follow(fan, author, world.now(), RULE).await.expect("follow") }
    }))
    .await;
    assert!(world.account(author).await.celebrity, "30 followers make a celebrity");
    assert_eq!(celebrity_changes(&world).await, [true], "a race over the threshold crosses it once");
}

async fn former_celebrities_are_pulled_for_a_while(world: Arc<World>) {
    let authors = world.users(2).await;
    let (star, plain) = (authors[0], authors[1]);
    let fans = world.users(10).await;
    let reader = fans[9];
    follow_all(&world, &fans, star).await;
    follow_all(&world, &[reader], plain).await;
    let pulled = |at| {
        let world = Arc::clone(&world);
        async move { world.ledger.pulled_followees(reader, at).await.expect("pulled_followees") }
    };
    let now_one = [PulledAuthor { author_id: star, ended_at: None }];
    assert_eq!(pulled(world.now()).await, now_one, "a celebrity is pulled, others are pushed");
    let followees = world.ledger.followees(reader).await.expect("followees");
    assert_eq!(sorted(&followees), sorted(&authors), "pulled or pushed, both are followed");

    unfollow(&world, fans[0], star).await;
    unfollow(&world, fans[1], star).await;
    let ended_at = world.now();
    let once_one = [PulledAuthor { author_id: star, ended_at: Some(ended_at) }];
    assert_eq!(pulled(ended_at.plus_ms(PULL_AFTER_END_MS - 1)).await, once_one, "pulled for a while after the end");
    assert!(pulled(ended_at.plus_ms(PULL_AFTER_END_MS)).await.is_empty(), "then only pushed");
}

async fn nobody_follows_more_than_the_limit(world: Arc<World>) {
    const EXTRA: usize = 8;
    // Enough to be quick where commits are made together, and few enough that none waits longer than an adapter lets it
    // on a crowded machine.
    const AT_ONCE: usize = 64;
    let reader = world.user().await;
    let made = stream::iter(0..MAX_FOLLOWEES + EXTRA).map(|_| world.user()).buffer_unordered(AT_ONCE);
    let authors: Vec<UserId> = made.collect().await;
    let outcomes: Vec<(UserId, FollowOutcome)> = stream::iter(authors)
        .map(|author| {
            let world = Arc::clone(&world);
            async move { (author, world.follow(reader, author).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let count = |wanted| outcomes.iter().filter(|(_, outcome)| *outcome == wanted).count();
    assert_eq!(count(FollowOutcome::Followed), MAX_FOLLOWEES, "exactly as many follows as are allowed");
    assert_eq!(count(FollowOutcome::TooMany), EXTRA, "the rest is too many");
    let followees = world.ledger.followees(reader).await.expect("followees");
    assert_eq!(followees.len(), MAX_FOLLOWEES, "all followees come in one list");

    let refused = outcomes.iter().find(|(_, outcome)| *outcome == FollowOutcome::TooMany).expect("a refused one").0;
    assert_eq!(world.follow(reader, followees[0]).await, FollowOutcome::AlreadyFollowing, "what is so stays so");
    assert!(world.unfollow(reader, followees[0]).await, "a follow is undone");
    assert_eq!(world.follow(reader, refused).await, FollowOutcome::Followed, "there is room again");
}
