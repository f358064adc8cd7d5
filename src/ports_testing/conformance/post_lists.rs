//! Lists of posts: by author, recent, timelines, public.

use super::{
    report::ledger_checks,
    world::{NO_CELEBRITIES, World},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{PostId, UserId, celebrity::CelebrityRule, post::PostRef};
use tessera_ports::{
    StoreResult,
    ledger::{FollowOutcome, PostRange, ProfileChange},
};

ledger_checks!(
    an_authors_posts_page_newest_first,
    recent_posts_are_the_newest_of_the_authors_asked_for,
    a_timeline_holds_ones_own_posts_and_those_of_followees,
    a_timeline_excludes_celebrities,
    a_timeline_is_read_within_a_range_of_posts,
    public_posts_exclude_private_accounts,
);

fn ids(posts: StoreResult<Vec<PostRef>>) -> Vec<PostId> {
    posts.expect("a list of posts").iter().map(|post| post.post_id).collect()
}

fn newest_first(posts: &[PostId]) -> Vec<PostId> {
    let mut posts = posts.to_vec();
    posts.sort_unstable_by(|a, b| b.cmp(a));
    posts
}

async fn an_authors_posts_page_newest_first(world: Arc<World>) {
    let (author, other) = (world.user().await, world.user().await);
    let made = world.posts(author, 7).await;
    world.post(other).await;
    let (mut seen, mut before) = (Vec::new(), None);
    for expected in [3, 3, 1, 0] {
        let page = world.ledger.posts_by_author(author, before, 3).await.expect("posts_by_author");
        assert_eq!(page.len(), expected, "pages of three until none is left");
        assert!(page.iter().all(|post| post.author_id == author), "nobody else's posts");
        before = page.last().map(|post| post.post_id).or(before);
        seen.extend(page.iter().map(|post| post.post_id));
    }
    assert_eq!(seen, newest_first(&made), "every post once, newest first");
}

async fn recent_posts_are_the_newest_of_the_authors_asked_for(world: Arc<World>) {
    let users = world.users(3).await;
    let mut made = Vec::new();
    for round in 0..3 {
        for author in &users {
            let posts = world.posts(*author, 1).await;
            if *author != users[2] {
                made.extend(posts);
            }
        }
        world.advance(round);
    }
    let made = newest_first(&made);
    let asked = [users[1], users[0]];
    assert_eq!(ids(world.ledger.recent_posts(&asked, None, 10).await), made, "newest first over all authors");
    assert_eq!(ids(world.ledger.recent_posts(&asked, None, 4).await), made[..4], "the newest, up to the limit");
    let before = Some(made[2]);
    assert_eq!(ids(world.ledger.recent_posts(&asked, before, 10).await), made[3..], "only what came before");
    assert_eq!(ids(world.ledger.recent_posts(&asked, before, 2).await), made[3..5], "the newest of what came before");
    assert!(ids(world.ledger.recent_posts(&[], None, 10).await).is_empty(), "no authors, no posts");
    let many: Vec<UserId> =
        (0..tessera_ports::ledger::MAX_PAGE as u64 - 1).map(|n| UserId(n + 1)).chain([users[0]]).collect();
    assert_eq!(ids(world.ledger.recent_posts(&many, None, 10).await).len(), 3, "as many authors as allowed");
}

async fn a_timeline_holds_ones_own_posts_and_those_of_followees(world: Arc<World>) {
    let users = world.users(4).await;
    let (reader, friend, stranger, former) = (users[0], users[1], users[2], users[3]);
    world.follow(reader, friend).await;
    world.follow(reader, former).await;
    world.follow(stranger, reader).await;
    let old = world.posts(friend, 1).await;
    let own = world.posts(reader, 1).await;
    world.posts(stranger, 1).await;
    let lost = world.posts(former, 1).await;
    let all = newest_first(&[old[0], own[0], lost[0]]);
    assert_eq!(
        ids(world.ledger.timeline_posts(reader, PostRange::ALL, 10).await),
        all,
        "own and followees', newest first"
    );
    assert_eq!(
        ids(world.ledger.timeline_posts(reader, PostRange::ALL, 2).await),
        all[..2],
        "the newest, up to the limit"
    );

    world.unfollow(reader, former).await;
    let rest = newest_first(&[old[0], own[0]]);
    assert_eq!(ids(world.ledger.timeline_posts(reader, PostRange::ALL, 10).await), rest, "an unfollow takes posts out");
    world.ledger.block(friend, reader, world.now(), NO_CELEBRITIES).await.expect("block");
    assert_eq!(ids(world.ledger.timeline_posts(reader, PostRange::ALL, 10).await), own, "so does a block");
    let alone = world.user().await;
    assert!(
        ids(world.ledger.timeline_posts(alone, PostRange::ALL, 10).await).is_empty(),
        "nobody followed, nothing there"
    );
}

async fn a_timeline_excludes_celebrities(world: Arc<World>) {
    let rule = CelebrityRule { threshold: 2 };
    let users = world.users(3).await;
    let (star, reader, fan) = (users[0], users[1], users[2]);
    let starred = world.posts(star, 2).await;
    let own = world.posts(reader, 1).await;
    for follower in [reader, fan] {
        let outcome = world.ledger.follow(follower, star, world.now(), rule).await.expect("follow");
        assert_eq!(outcome, FollowOutcome::Followed, "a new follow");
    }
    let held = ids(world.ledger.timeline_posts(reader, PostRange::ALL, 10).await);
    assert_eq!(held, own, "a celebrity's posts are pulled, not held");
    let held = ids(world.ledger.timeline_posts(star, PostRange::ALL, 10).await);
    assert_eq!(held, newest_first(&starred), "a celebrity's own timeline holds their own posts");

    // The rule's lower bound is 2 - 0: one follower fewer ends it.
    world.ledger.unfollow(fan, star, world.now(), rule).await.expect("unfollow");
    let held = ids(world.ledger.timeline_posts(reader, PostRange::ALL, 10).await);
    assert_eq!(held, newest_first(&[starred[0], starred[1], own[0]]), "held again at once, old posts included");
}

async fn a_timeline_is_read_within_a_range_of_posts(world: Arc<World>) {
    let (reader, friend, other) = (world.user().await, world.user().await, world.user().await);
    world.follow(reader, friend).await;
    world.follow(reader, other).await;
    let mut made = Vec::new();
    for author in [friend, other, other, friend, reader] {
        made.extend(world.posts(author, 1).await);
    }
    let made = newest_first(&made);
    let after = PostRange::after(made[3]);
    assert_eq!(ids(world.ledger.timeline_posts(reader, after, 10).await), made[..3], "only what came after");
    assert_eq!(ids(world.ledger.timeline_posts(reader, after, 2).await), made[..2], "the newest of it");
    let newest = PostRange::after(made[0]);
    assert!(ids(world.ledger.timeline_posts(reader, newest, 10).await).is_empty(), "nothing came after");
    let before = PostRange::before(made[0]);
    assert_eq!(ids(world.ledger.timeline_posts(reader, before, 10).await), made[1..], "only what came before");
    assert_eq!(ids(world.ledger.timeline_posts(reader, before, 2).await), made[1..3], "the newest of it");
    let between = PostRange { after: Some(made[4]), before: Some(made[1]) };
    assert_eq!(ids(world.ledger.timeline_posts(reader, between, 10).await), made[2..4], "only what lies between");
    let oldest = PostRange::before(made[4]);
    assert!(ids(world.ledger.timeline_posts(reader, oldest, 10).await).is_empty(), "nothing came before");
}

async fn public_posts_exclude_private_accounts(world: Arc<World>) {
    let users = world.users(2).await;
    let shown = world.posts(users[0], 4).await;
    world.posts(users[1], 2).await;
    let private = ProfileChange { private: Some(true), ..ProfileChange::default() };
    world.ledger.update_profile(users[1], private).await.expect("update_profile");
    let shown = newest_first(&shown);
    assert_eq!(ids(world.ledger.public_posts(PostId(0), 10).await), shown, "posts of public accounts, newest first");
    assert_eq!(ids(world.ledger.public_posts(shown[2], 10).await), shown[..2], "only what came after");
    assert_eq!(ids(world.ledger.public_posts(PostId(0), 3).await), shown[..3], "the newest, up to the limit");
}
