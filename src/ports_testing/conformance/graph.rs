//! Follows, blocks and mutes.

use super::{
    report::ledger_checks,
    world::{NO_CELEBRITIES, World, at_once, sorted},
};
use std::{collections::HashSet, future::Future, sync::Arc};
use tessera_domain::{
    UserId,
    event::Event,
    relations::Relations,
    user::{Relationship, Standing},
};
use tessera_ports::{StoreError, ledger::FollowOutcome};

ledger_checks!(
    following_is_idempotent_and_counted_once,
    nobody_can_follow_a_missing_account,
    nobody_follows_blocks_or_mutes_themselves,
    unfollowing_undoes_a_follow_once,
    a_block_ends_follows_both_ways,
    nobody_follows_across_a_block,
    lifting_a_block_brings_no_follow_back,
    a_mute_changes_nothing_but_itself,
    relationships_come_in_the_order_asked,
    relations_say_what_relationships_say_and_have_a_limit,
    followers_racing_are_counted_exactly,
    follows_racing_unfollows_leave_true_counts,
    follow_lists_page_without_gaps_or_duplicates,
    paging_a_follow_list_is_not_disturbed_by_newcomers,
);

/// More pages than any list of these checks has.
const MAX_PAGES: usize = 20;

async fn counts(world: &World, user_id: UserId) -> (u64, u64) {
    let account = world.account(user_id).await;
    (account.follower_count, account.following_count)
}

async fn relationship(world: &World, viewer_id: UserId, other_id: UserId) -> Relationship {
    let found = world.ledger.relationships(viewer_id, &[other_id]).await.expect("relationships");
    assert_eq!(found.len(), 1, "one relationship per account asked for");
    found[0]
}

async fn following_is_idempotent_and_counted_once(world: Arc<World>) {
    let (a, b) = (world.user().await, world.user().await);
    world.events().await;
    assert_eq!(world.follow(a, b).await, FollowOutcome::Followed, "a new follow");
    assert_eq!(world.follow(a, b).await, FollowOutcome::AlreadyFollowing, "a repeated follow");
    assert_eq!(counts(&world, a).await, (0, 1), "the follower's counts (followers, following)");
    assert_eq!(counts(&world, b).await, (1, 0), "the followee's counts (followers, following)");
    assert_eq!(world.ledger.followees(a).await.expect("followees"), [b], "the followee is listed");
    assert!(world.ledger.followees(b).await.expect("followees").is_empty(), "a follow has one direction");
    let expected = Relationship { following: true, ..Relationship::default() };
    assert_eq!(relationship(&world, a, b).await, expected, "as the follower sees it");
    let expected = Relationship { followed_by: true, ..Relationship::default() };
    assert_eq!(relationship(&world, b, a).await, expected, "as the followee sees it");
    let told = [Event::Followed { follower_id: a, followee_id: b }];
    assert_eq!(world.events().await, told, "one Followed event, none for the repetition");
}

async fn nobody_can_follow_a_missing_account(world: Arc<World>) {
    let user_id = world.user().await;
    let missing = UserId(world.id());
    world.events().await;
    assert_eq!(world.follow(user_id, missing).await, FollowOutcome::NotFound, "following a missing account");
    assert!(!world.unfollow(user_id, missing).await, "there is nothing to unfollow");
    let blocked = world.ledger.block(user_id, missing, world.now(), NO_CELEBRITIES).await.expect("block");
    assert!(!blocked, "blocking a missing account");
    let muted = world.ledger.mute(user_id, missing, world.now()).await.expect("mute");
    assert!(!muted, "muting a missing account");
    assert_eq!(counts(&world, user_id).await, (0, 0), "nothing was counted");
    assert!(world.events().await.is_empty(), "nothing was recorded");
}

async fn nobody_follows_blocks_or_mutes_themselves(world: Arc<World>) {
    let me = world.user().await;
    world.events().await;
    let refusals = [
        world.ledger.follow(me, me, world.now(), NO_CELEBRITIES).await.err(),
        world.ledger.block(me, me, world.now(), NO_CELEBRITIES).await.err(),
        world.ledger.mute(me, me, world.now()).await.err(),
    ];
    for error in refusals {
        assert!(matches!(error, Some(StoreError::Refused { .. })), "oneself is refused, not: {error:?}");
    }
    assert_eq!(counts(&world, me).await, (0, 0), "nothing was counted");
    assert!(world.events().await.is_empty(), "nothing was recorded");
}

async fn unfollowing_undoes_a_follow_once(world: Arc<World>) {
    let (a, b) = (world.user().await, world.user().await);
    world.follow(a, b).await;
    world.events().await;
    assert!(world.unfollow(a, b).await, "there was a follow to undo");
    assert!(!world.unfollow(a, b).await, "it is undone once");
    assert_eq!((counts(&world, a).await, counts(&world, b).await), ((0, 0), (0, 0)), "counts go back, and once");
    assert!(world.ledger.followees(a).await.expect("followees").is_empty(), "nobody is followed any more");
    let told = [Event::Unfollowed { follower_id: a, followee_id: b }];
    assert_eq!(world.events().await, told, "one Unfollowed event");
    assert_eq!(world.follow(a, b).await, FollowOutcome::Followed, "one may follow again");
}

async fn a_block_ends_follows_both_ways(world: Arc<World>) {
    let users = world.users(3).await;
    let (a, b, bystander) = (users[0], users[1], users[2]);
    world.follow(a, b).await;
    world.follow(b, a).await;
    world.follow(bystander, b).await;
    world.events().await;
    for attempt in 1..=2 {
        let blocked = world.ledger.block(a, b, world.now(), NO_CELEBRITIES).await.expect("block");
        assert!(blocked, "attempt {attempt}: blocking is idempotent");
    }
    assert_eq!(counts(&world, a).await, (0, 0), "the blocker's counts");
    assert_eq!(counts(&world, b).await, (1, 0), "the blocked one's counts: the bystander still follows");
    let mut told = world.events().await;
    told.sort_by_key(|event| *event != Event::Unfollowed { follower_id: a, followee_id: b });
    let expected =
        [Event::Unfollowed { follower_id: a, followee_id: b }, Event::Unfollowed { follower_id: b, followee_id: a }];
    assert_eq!(told, expected, "each ended follow is recorded once");
    let expected = Relationship { blocking: true, ..Relationship::default() };
    assert_eq!(relationship(&world, a, b).await, expected, "as the blocker sees it");
    let expected = Relationship { blocked_by: true, ..Relationship::default() };
    assert_eq!(relationship(&world, b, a).await, expected, "as the blocked one sees it");
}

async fn nobody_follows_across_a_block(world: Arc<World>) {
    let (a, b) = (world.user().await, world.user().await);
    world.ledger.block(a, b, world.now(), NO_CELEBRITIES).await.expect("block");
    assert_eq!(world.follow(a, b).await, FollowOutcome::NotFound, "the blocker cannot follow");
    assert_eq!(world.follow(b, a).await, FollowOutcome::NotFound, "the blocked one cannot follow");
    assert_eq!((counts(&world, a).await, counts(&world, b).await), ((0, 0), (0, 0)), "nothing was counted");
}

async fn lifting_a_block_brings_no_follow_back(world: Arc<World>) {
    let (a, b) = (world.user().await, world.user().await);
    world.follow(a, b).await;
    world.ledger.block(a, b, world.now(), NO_CELEBRITIES).await.expect("block");
    for _ in 0..2 {
        world.ledger.unblock(a, b).await.expect("unblock");
    }
    assert_eq!(relationship(&world, a, b).await, Relationship::default(), "neither block nor follow is left");
    assert_eq!(world.follow(a, b).await, FollowOutcome::Followed, "one may follow again");

    world.ledger.block(a, b, world.now(), NO_CELEBRITIES).await.expect("block");
    world.ledger.block(b, a, world.now(), NO_CELEBRITIES).await.expect("block");
    world.ledger.unblock(a, b).await.expect("unblock");
    assert_eq!(world.follow(a, b).await, FollowOutcome::NotFound, "the other side's block stands");
}

async fn a_mute_changes_nothing_but_itself(world: Arc<World>) {
    let (a, b) = (world.user().await, world.user().await);
    world.follow(a, b).await;
    for attempt in 1..=2 {
        assert!(world.ledger.mute(a, b, world.now()).await.expect("mute"), "attempt {attempt}: muting is idempotent");
    }
    let expected = Relationship { following: true, muting: true, ..Relationship::default() };
    assert_eq!(relationship(&world, a, b).await, expected, "the muter still follows");
    let expected = Relationship { followed_by: true, ..Relationship::default() };
    assert_eq!(relationship(&world, b, a).await, expected, "the muted one does not see it");
    for _ in 0..2 {
        world.ledger.unmute(a, b).await.expect("unmute");
    }
    assert!(!relationship(&world, a, b).await.muting, "the mute is lifted");
}

async fn relationships_come_in_the_order_asked(world: Arc<World>) {
    let users = world.users(4).await;
    let me = users[0];
    world.follow(me, users[1]).await;
    world.ledger.mute(me, users[2], world.now()).await.expect("mute");
    world.ledger.block(users[3], me, world.now(), NO_CELEBRITIES).await.expect("block");
    let asked = [users[3], UserId(world.id()), users[1], users[2]];
    let found = world.ledger.relationships(me, &asked).await.expect("relationships");
    let none = Relationship::default();
    let expected = [
        Relationship { blocked_by: true, ..none },
        none,
        Relationship { following: true, ..none },
        Relationship { muting: true, ..none },
    ];
    assert_eq!(found, expected, "one per account in the order asked, a stranger to unknown ones");
    assert!(world.ledger.relationships(me, &[]).await.expect("relationships").is_empty(), "none asked, none given");
}

async fn relations_say_what_relationships_say_and_have_a_limit(world: Arc<World>) {
    let users = world.users(7).await;
    let me = users[0];
    let of = |limit| world.ledger.relations(me, limit);
    assert_eq!(of(0).await.expect("relations"), Some(Relations::default()), "a newcomer stands to nobody");
    for followee in [1, 2, 4] {
        world.follow(me, users[followee]).await;
    }
    world.follow(users[5], me).await;
    for muted in [2, 3] {
        world.ledger.mute(me, users[muted], world.now()).await.expect("mute");
    }
    world.ledger.block(users[3], me, world.now(), NO_CELEBRITIES).await.expect("block");
    world.ledger.block(me, users[4], world.now(), NO_CELEBRITIES).await.expect("block");
    let relations = of(6).await.expect("relations").expect("two follows, two mutes, two blocks");
    let relationships = world.ledger.relationships(me, &users).await.expect("relationships");
    for (other, relationship) in users.iter().zip(relationships) {
        assert_eq!(relations.standing(*other), Standing::from(relationship), "{relationship:?}");
    }
    assert_eq!(of(5).await.expect("relations"), None, "more than may be read");
}

async fn followers_racing_are_counted_exactly(world: Arc<World>) {
    let author = world.user().await;
    let followers = world.users(50).await;
    let twice = followers.iter().chain(&followers).copied();
    let outcomes = at_once(twice.map(|follower| {
        let world = Arc::clone(&world);
        async move { world.follow(follower, author).await }
    }))
    .await;
    let new = outcomes.iter().filter(|outcome| **outcome == FollowOutcome::Followed).count();
    assert_eq!(new, 50, "each of 50 follows is new once, although each was sent twice");
    assert_eq!(counts(&world, author).await, (50, 0), "50 followers are counted");
    let followed = world.events().await.iter().filter(|event| matches!(event, Event::Followed { .. })).count();
    assert_eq!(followed, 50, "one Followed event each");
}

async fn follows_racing_unfollows_leave_true_counts(world: Arc<World>) {
    let users = world.users(4).await;
    at_once((0..60usize).map(|step| {
        let (world, users) = (Arc::clone(&world), users.clone());
        async move {
            let (a, b) = (users[step % 4], users[(step / 4 + step + 1) % 4]);
            match step % 5 {
                _ if a == b => {}
                0 => assert!(world.ledger.block(a, b, world.now(), NO_CELEBRITIES).await.expect("block"), "a block"),
                1 => world.ledger.unblock(a, b).await.expect("unblock"),
                2 => _ = world.unfollow(a, b).await,
                _ => _ = world.follow(a, b).await,
            }
        }
    }))
    .await;
    for user in &users {
        let followees = world.ledger.followees(*user).await.expect("followees").len() as u64;
        let followers = world.ledger.followers(*user, None, 100).await.expect("followers").len() as u64;
        assert_eq!(counts(&world, *user).await, (followers, followees), "counts match the edges after a race");
    }
}

async fn follow_lists_page_without_gaps_or_duplicates(world: Arc<World>) {
    let author = world.user().await;
    let mut followers = world.users(25).await;
    for (step, follower) in followers.iter().enumerate() {
        world.follow(*follower, author).await;
        world.follow(author, *follower).await;
        // The clock moves only now and then: follows of one millisecond must be told apart too.
        world.advance(i64::from(step % 5 == 0));
    }
    followers.reverse();

    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = world.ledger.followers(author, after, 7).await.expect("followers");
        assert!(page.len() <= 7, "a page keeps to its limit");
        assert!(page.windows(2).all(|pair| pair[0].position > pair[1].position), "positions fall strictly");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        seen.extend(page.iter().map(|row| row.user_id));
    }
    assert_eq!(seen, followers, "every follower once, newest first");

    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = world.ledger.following(author, after, 7).await.expect("following");
        assert!(page.len() <= 7, "a page keeps to its limit");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        seen.extend(page.iter().map(|row| row.user_id));
    }
    assert_eq!(seen, followers, "every followee once, newest first");
    let followees = world.ledger.followees(author).await.expect("followees");
    assert_eq!(sorted(&followees), sorted(&followers), "the unpaged list holds the same accounts");
}

async fn paging_a_follow_list_is_not_disturbed_by_newcomers(world: Arc<World>) {
    let author = world.user().await;
    let (early, late) = (world.users(10).await, world.users(5).await);
    for follower in &early {
        world.follow(*follower, author).await;
    }
    let first = world.ledger.followers(author, None, 4).await.expect("followers");
    for follower in &late {
        world.follow(*follower, author).await;
    }
    world.unfollow(first[1].user_id, author).await;
    let rest = world.ledger.followers(author, first.last().map(|row| row.position), 100).await.expect("followers");
    let all: HashSet<UserId> = first.iter().chain(&rest).map(|row| row.user_id).collect();
    assert_eq!(first.len() + rest.len(), early.len(), "no row twice and none missing");
    assert_eq!(all, early.iter().copied().collect(), "the list goes on where it was, whoever came or went");
}
