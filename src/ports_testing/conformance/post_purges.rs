//! What a deleted post leaves behind: shown by no read from the deletion on, and deleted in bounded steps.

use super::{
    report::ledger_checks,
    world::{NOON, World, at_once, like},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{CommentId, PostId, UserId, counters::CounterOutcome, time::HOUR_MS};

ledger_checks!(
    a_deleted_post_is_purged_in_bounded_steps,
    others_write_between_two_steps,
    many_purge_a_post_at_once,
    nobody_sees_what_is_left_of_a_deleted_post,
    a_key_of_a_deleted_posts_comment_is_free,
    ids_of_purged_comments_stay_below_the_floor,
    rebuilding_counts_nothing_of_what_is_left,
);

const LIKERS: usize = 25;
const COMMENTS: usize = 7;
/// Likes and comments fall into two hours.
const HOURS: u64 = 2;
const MOST: usize = 10;

/// A post by `author` that `LIKERS` people like and the first of them comments on.
async fn popular_post(world: &Arc<World>, author: UserId) -> (PostId, Vec<UserId>, Vec<CommentId>) {
    let users = world.users(LIKERS).await;
    let post_id = world.post(author).await;
    let likes: Vec<_> = users.iter().map(|user| like(*user)).collect();
    world.apply(post_id, 3, &likes).await;
    world.advance(HOUR_MS);
    let (ids, comments): (Vec<_>, Vec<_>) = (0..COMMENTS).map(|_| world.comment(users[0], None)).unzip();
    world.apply(post_id, 3, &comments).await;
    (post_id, users, ids)
}

async fn delete(world: &World, post_id: PostId, author: UserId) {
    world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
}

async fn step(world: &World, most: usize) -> Option<u64> {
    world.ledger.purge_deleted_post(most).await.expect("purge_deleted_post")
}

async fn purge(world: &World) -> u64 {
    let mut gone = 0;
    while let Some(rows) = step(world, MOST).await {
        gone += rows;
    }
    gone
}

async fn a_deleted_post_is_purged_in_bounded_steps(world: Arc<World>) {
    let author = world.user().await;
    let (post_id, users, _) = popular_post(&world, author).await;
    let other = world.post(author).await;
    world.apply(other, 3, &[like(users[0]), like(users[1])]).await;
    assert_eq!(step(&world, MOST).await, None, "nothing is purged while nothing was deleted");
    delete(&world, post_id, author).await;
    let mut steps = Vec::new();
    while let Some(rows) = step(&world, MOST).await {
        steps.push(rows);
    }
    assert!(steps.iter().all(|rows| *rows <= MOST as u64), "no step deletes more than it may: {steps:?}");
    assert_eq!(steps.iter().sum::<u64>(), (LIKERS + COMMENTS) as u64 + HOURS, "every row, once: {steps:?}");
    assert_eq!(step(&world, MOST).await, None, "then nothing is left");
    assert_eq!(world.counts(other).await.likes, 2, "another post keeps its likes");
    assert_eq!(world.ledger.likers(other, None, 10).await.expect("likers").len(), 2, "and its likers");
    let hours = world.ledger.engagement_hours(NOON, 10).await.expect("engagement_hours");
    assert_eq!(hours.len(), 1, "and its hours");
}

async fn others_write_between_two_steps(world: Arc<World>) {
    let author = world.user().await;
    let (post_id, users, _) = popular_post(&world, author).await;
    let other = world.post(author).await;
    delete(&world, post_id, author).await;
    let mut between = 0;
    while step(&world, MOST).await.is_some() {
        let batch = world.apply(other, 3, &[like(users[between])]).await;
        assert_eq!(batch.outcomes, [CounterOutcome::Applied], "a like is committed between two steps");
        between += 1;
        assert!(
            world.ledger.likers(post_id, None, 10).await.expect("likers").is_empty(),
            "half of a post is not shown"
        );
    }
    assert!(between > LIKERS / MOST, "there were several steps");
    assert_eq!(world.counts(other).await.likes, between as u64, "each like counts");
}

async fn many_purge_a_post_at_once(world: Arc<World>) {
    let author = world.user().await;
    let mut posts = Vec::new();
    for _ in 0..3 {
        posts.push(popular_post(&world, author).await.0);
    }
    for post_id in posts {
        delete(&world, post_id, author).await;
    }
    let gone = at_once((0..4).map(|_| {
        let world = Arc::clone(&world);
        async move { purge(&world).await }
    }))
    .await;
    // Who found others at every post has ended early.
    let rest = purge(&world).await;
    let expected = 3 * ((LIKERS + COMMENTS) as u64 + HOURS);
    assert_eq!(gone.iter().sum::<u64>() + rest, expected, "each row is deleted by one of them");
}

async fn nobody_sees_what_is_left_of_a_deleted_post(world: Arc<World>) {
    let author = world.user().await;
    let (post_id, users, comments) = popular_post(&world, author).await;
    delete(&world, post_id, author).await;
    step(&world, 3).await;
    let liker = *users.last().expect("there are likers");
    let ledger = &world.ledger;
    assert!(ledger.liked_by(liker, &[post_id]).await.expect("liked_by").is_empty(), "not who likes it");
    assert!(ledger.likers(post_id, None, 100).await.expect("likers").is_empty(), "not the likers");
    assert!(ledger.last_likers(&[post_id], 100).await.expect("last_likers").is_empty(), "not the last likers");
    assert!(ledger.recent_likes(&[liker], 100).await.expect("recent_likes").is_empty(), "not what somebody liked");
    assert!(ledger.comments(post_id, None, 100).await.expect("comments").is_empty(), "not the comments");
    for comment_id in comments {
        assert_eq!(ledger.comment(comment_id).await.expect("comment"), None, "not one comment");
    }
    assert!(world.rows(post_id).await.is_empty(), "no counter");
    assert!(ledger.engagement_hours(NOON, 10).await.expect("engagement_hours").is_empty(), "no hour");
}

async fn a_key_of_a_deleted_posts_comment_is_free(world: Arc<World>) {
    let author = world.user().await;
    let (gone, kept) = (world.post(author).await, world.post(author).await);
    world.apply(gone, 0, &[world.comment(author, Some("key")).1]).await;
    delete(&world, gone, author).await;
    let (first_id, first) = world.comment(author, Some("key"));
    let (_, second) = world.comment(author, Some("key"));
    let batch = world.apply(kept, 0, &[first, second]).await;
    let expected = [CounterOutcome::Applied, CounterOutcome::CommentExists(first_id)];
    assert_eq!(batch.outcomes, expected, "the key makes a comment on another post, once");
    purge(&world).await;
    let listed = world.ledger.comments(kept, None, 10).await.expect("comments");
    assert_eq!(listed.iter().map(|comment| comment.id).collect::<Vec<_>>(), [first_id], "which the purge leaves alone");
    assert_eq!(world.counts(kept).await.comments, 1, "and which counts");
}

async fn ids_of_purged_comments_stay_below_the_floor(world: Arc<World>) {
    let author = world.user().await;
    let (post_id, ..) = popular_post(&world, author).await;
    world.advance(60_000);
    let (last, add) = world.comment(author, None);
    world.apply(post_id, 0, &[add]).await;
    delete(&world, post_id, author).await;
    loop {
        let floor = world.ledger.id_floor().await.expect("id_floor");
        assert!(floor >= last.created_at(), "no id that was made lies after the floor");
        if step(&world, MOST).await.is_none() {
            break;
        }
    }
}

async fn rebuilding_counts_nothing_of_what_is_left(world: Arc<World>) {
    let author = world.user().await;
    let (post_id, ..) = popular_post(&world, author).await;
    delete(&world, post_id, author).await;
    step(&world, MOST).await;
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "nothing is wrong");
    assert!(world.rows(post_id).await.is_empty(), "a deleted post gets no counters again");
}
