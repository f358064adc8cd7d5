//! Likes, comments and counters, one batch at a time.

use super::{
    report::ledger_checks,
    world::{NOON, World, like, unlike},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    CommentId, PostId, UserId,
    counters::{CounterOperation, CounterOutcome, Counts, ShardCounts},
    event::Event,
    post::{Comment, PostRef},
    time::HOUR_MS,
};
use tessera_ports::ledger::{EngagementHour, ProfileChange};

ledger_checks!(
    a_like_counts_once,
    an_unlike_takes_from_where_the_like_was_counted,
    versions_grow_with_every_transaction,
    operations_apply_in_order,
    a_comment_counts_once_per_key_and_id,
    comments_are_deleted_by_those_who_may,
    what_is_not_found_does_not_disturb,
    a_missing_post_changes_nothing,
    one_event_tells_all_that_was_new,
    likers_page_newest_first,
    comments_page_oldest_first,
    liked_by_tells_which_of_many,
    engagement_is_summed_by_post_and_hour,
);

/// More pages than any list of these checks has.
const MAX_PAGES: usize = 20;

async fn post_and_users(world: &Arc<World>, count: usize) -> (PostId, UserId, Vec<UserId>) {
    let author = world.user().await;
    let post_id = world.post(author).await;
    let users = world.users(count).await;
    world.events().await;
    (post_id, author, users)
}

async fn a_like_counts_once(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 2).await;
    assert!(world.rows(post_id).await.is_empty(), "a post without engagement has no row");
    let batch = world.apply(post_id, 2, &[like(users[0]), like(users[0]), like(users[1])]).await;
    let expected = [CounterOutcome::Applied, CounterOutcome::AlreadyLiked, CounterOutcome::Applied];
    assert_eq!(batch.outcomes, expected, "the unique (post, user) decides within a batch");
    assert_eq!(batch.totals, Counts { likes: 2, comments: 0 }, "totals right after the batch");
    assert_eq!(batch.rows, world.rows(post_id).await, "the moved rows are the ledger's");
    assert_eq!(batch.rows, [ShardCounts { shard: 2, version: 1, likes: 2, comments: 0 }], "absolute values");

    let batch = world.apply(post_id, 5, &[like(users[0])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::AlreadyLiked], "and across shards");
    assert!(batch.rows.is_empty(), "a batch that changed nothing moved no row");
    assert_eq!(batch.totals, Counts { likes: 2, comments: 0 }, "totals are over all shards");
}

async fn an_unlike_takes_from_where_the_like_was_counted(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 2).await;
    world.apply(post_id, 3, &[like(users[0])]).await;
    world.apply(post_id, 5, &[like(users[1])]).await;
    let batch = world.apply(post_id, 5, &[unlike(users[0])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::Applied], "a like is taken back from any shard");
    assert_eq!(batch.totals, Counts { likes: 1, comments: 0 }, "the total falls");
    let moved: Vec<(u16, i64)> = batch.rows.iter().map(|row| (row.shard, row.likes)).collect();
    assert_eq!(moved, [(3, 0)], "the shard where it was counted moves, and only it");
    let rows: Vec<(u16, i64)> = world.rows(post_id).await.iter().map(|row| (row.shard, row.likes)).collect();
    assert_eq!(rows, [(3, 0), (5, 1)], "no other shard pays for it");
    let batch = world.apply(post_id, 3, &[unlike(users[0])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::NotLiked], "an unlike without a like is harmless");
    assert_eq!(batch.totals, Counts { likes: 1, comments: 0 }, "and takes nothing");
}

async fn versions_grow_with_every_transaction(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 5).await;
    for (step, user) in users.iter().enumerate() {
        let batch = world.apply(post_id, 1, &[like(*user)]).await;
        assert_eq!(batch.rows[0].version, step as u64 + 1, "a row's version grows by one with each transaction");
    }
    let batch = world.apply(post_id, 2, &[unlike(users[0]), like(users[0])]).await;
    let mut rows = batch.rows.clone();
    rows.sort_by_key(|row| row.shard);
    let expected = [
        ShardCounts { shard: 1, version: 6, likes: 4, comments: 0 },
        ShardCounts { shard: 2, version: 1, likes: 1, comments: 0 },
    ];
    assert_eq!(rows, expected, "a like that moved is counted anew in the batch's shard");
    assert_eq!(world.rows(post_id).await, expected, "the moved rows are the ledger's");
}

async fn operations_apply_in_order(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 1).await;
    let user = users[0];
    let batch = world.apply(post_id, 0, &[unlike(user), like(user), unlike(user), unlike(user), like(user)]).await;
    let expected = [
        CounterOutcome::NotLiked,
        CounterOutcome::Applied,
        CounterOutcome::Applied,
        CounterOutcome::NotLiked,
        CounterOutcome::Applied,
    ];
    assert_eq!(batch.outcomes, expected, "each operation sees those before it");
    assert_eq!(batch.totals, Counts { likes: 1, comments: 0 }, "and the last one stands");
}

async fn a_comment_counts_once_per_key_and_id(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 2).await;
    let (first_id, first) = world.comment(users[0], Some("key"));
    let (_, repeated) = world.comment(users[0], Some("key"));
    let (other_id, other) = world.comment(users[1], Some("key"));
    let batch = world.apply(post_id, 0, &[first.clone(), repeated.clone(), other]).await;
    let expected = [CounterOutcome::Applied, CounterOutcome::CommentExists(first_id), CounterOutcome::Applied];
    assert_eq!(batch.outcomes, expected, "a user's key gives the first comment again; keys are per user");
    let batch = world.apply(post_id, 4, &[repeated, first]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::CommentExists(first_id); 2], "in later batches too");

    let (_, keyless) = world.comment(users[0], None);
    world.apply(post_id, 0, std::slice::from_ref(&keyless)).await;
    let batch = world.apply(post_id, 0, &[keyless]).await;
    assert_eq!(batch.totals, Counts { likes: 0, comments: 3 }, "the same comment sent again by its id counts once");
    let found = world.ledger.comment(other_id).await.expect("comment");
    let expected = Comment { id: other_id, post_id, author_id: users[1], text: "Lovely".to_owned() };
    assert_eq!(found, Some(expected), "a comment reads back as it was written");
}

fn delete(comment_id: CommentId, user_id: UserId) -> CounterOperation {
    CounterOperation::DeleteComment { comment_id, user_id }
}

async fn comments_are_deleted_by_those_who_may(world: Arc<World>) {
    let (post_id, author, users) = post_and_users(&world, 2).await;
    let (first, add_first) = world.comment(users[0], None);
    let (second, add_second) = world.comment(users[0], None);
    world.apply(post_id, 1, &[add_first, add_second]).await;
    let batch = world.apply(post_id, 6, &[delete(first, users[1])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::Forbidden], "a stranger may not delete a comment");
    let batch = world.apply(post_id, 6, &[delete(first, users[0]), delete(second, author)]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::Applied; 2], "its author and the post's author may");
    assert_eq!(batch.totals, Counts::default(), "nothing is left to count");
    assert_eq!(world.counts(post_id).await, Counts::default(), "and no shard is negative");
    let batch = world.apply(post_id, 1, &[delete(first, users[0])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::NotFound], "a comment is deleted once");
    assert_eq!(world.ledger.comment(first).await.expect("comment"), None, "a deleted comment is hidden");
    assert!(world.ledger.comments(post_id, None, 10).await.expect("comments").is_empty(), "from the list too");

    let elsewhere = world.post(author).await;
    let (third, add_third) = world.comment(users[0], None);
    world.apply(post_id, 1, &[add_third]).await;
    let batch = world.apply(elsewhere, 1, &[delete(third, users[0])]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::NotFound], "another post's comment is not found on this one");
    assert_eq!(world.counts(post_id).await, Counts { likes: 0, comments: 1 }, "and stays where it is");
}

async fn what_is_not_found_does_not_disturb(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 2).await;
    let missing = CommentId(world.id());
    let batch = world.apply(post_id, 0, &[like(users[0]), delete(missing, users[0]), like(users[1])]).await;
    let expected = [CounterOutcome::Applied, CounterOutcome::NotFound, CounterOutcome::Applied];
    assert_eq!(batch.outcomes, expected, "NotFound does not disturb the others");
    assert_eq!(batch.totals, Counts { likes: 2, comments: 0 }, "they are counted");
}

async fn a_missing_post_changes_nothing(world: Arc<World>) {
    let users = world.users(1).await;
    let missing = PostId(world.id());
    world.events().await;
    let (comment_id, add) = world.comment(users[0], None);
    let batch = world.apply(missing, 0, &[like(users[0]), unlike(users[0]), add]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::NotFound; 3], "every operation on a missing post");
    assert_eq!((batch.rows, batch.totals), (Vec::new(), Counts::default()), "no row moves");
    assert!(world.rows(missing).await.is_empty(), "none comes to be");
    assert_eq!(world.ledger.comment(comment_id).await.expect("comment"), None, "no comment either");
    assert!(world.events().await.is_empty(), "nothing is recorded");
}

async fn one_event_tells_all_that_was_new(world: Arc<World>) {
    let (post_id, author_id, users) = post_and_users(&world, 4).await;
    world.apply(post_id, 0, &[like(users[0]), like(users[3])]).await;
    let told = world.events().await;
    let expected = Event::Engaged {
        post_id,
        author_id,
        liked_by: vec![users[0], users[3]],
        unlikes: 0,
        commented_by: Vec::new(),
        comment_ids: Vec::new(),
    };
    assert_eq!(told, [expected], "one event for two likes, in order");

    let (comment_id, comment) = world.comment(users[2], None);
    world.apply(post_id, 1, &[like(users[1]), like(users[0]), unlike(users[3]), comment, unlike(users[2])]).await;
    let told = world.events().await;
    let expected = Event::Engaged {
        post_id,
        author_id,
        liked_by: vec![users[1]],
        unlikes: 1,
        commented_by: vec![users[2]],
        comment_ids: vec![comment_id],
    };
    assert_eq!(told, [expected], "one event per batch, with what was new and nothing else");

    world.apply(post_id, 2, &[like(users[1]), unlike(users[3])]).await;
    assert!(world.events().await.is_empty(), "a batch in which nothing was new records nothing");
}

async fn likers_page_newest_first(world: Arc<World>) {
    let (post_id, _, mut users) = post_and_users(&world, 23).await;
    for (step, part) in users.chunks(4).enumerate() {
        let likes: Vec<_> = part.iter().map(|user| like(*user)).collect();
        world.apply(post_id, step as u16 % 8, &likes).await;
    }
    world.apply(post_id, 0, &[unlike(users[0])]).await;
    world.apply(post_id, 0, &[like(users[0])]).await;
    users.rotate_left(1);
    users.reverse();
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = world.ledger.likers(post_id, after, 6).await.expect("likers");
        assert!(page.len() <= 6, "a page keeps to its limit");
        assert!(page.windows(2).all(|pair| pair[0].position > pair[1].position), "positions fall strictly");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        seen.extend(page.iter().map(|row| row.user_id));
    }
    assert_eq!(seen, users, "every liker once, newest like first, likes of one millisecond told apart");
}

async fn comments_page_oldest_first(world: Arc<World>) {
    let (post_id, _, users) = post_and_users(&world, 1).await;
    let mut written = Vec::new();
    for shard in 0..11 {
        let (id, add) = world.comment(users[0], None);
        world.apply(post_id, shard % 8, &[add]).await;
        written.push(id);
    }
    world.apply(post_id, 0, &[delete(written[4], users[0])]).await;
    written.remove(4);
    let (mut seen, mut after) = (Vec::new(), None);
    for expected in [4, 4, 2, 0] {
        let page = world.ledger.comments(post_id, after, 4).await.expect("comments");
        assert_eq!(page.len(), expected, "full pages until none is left");
        after = page.last().map(|comment| comment.id).or(after);
        seen.extend(page.iter().map(|comment| comment.id));
    }
    assert_eq!(seen, written, "every comment that was not deleted once, oldest first");
}

async fn liked_by_tells_which_of_many(world: Arc<World>) {
    let author = world.user().await;
    let posts = world.posts(author, 3).await;
    let users = world.users(2).await;
    world.apply(posts[0], 0, &[like(users[0]), like(users[1])]).await;
    world.apply(posts[2], 0, &[like(users[0])]).await;
    world.apply(posts[1], 0, &[like(users[0])]).await;
    world.apply(posts[1], 0, &[unlike(users[0])]).await;
    let mut liked = world.ledger.liked_by(users[0], &posts).await.expect("liked_by");
    liked.sort();
    assert_eq!(liked, [posts[0], posts[2]], "what the user likes now");
    assert_eq!(world.ledger.liked_by(users[1], &posts).await.expect("liked_by"), [posts[0]], "each user's own likes");
    assert!(world.ledger.liked_by(users[0], &[]).await.expect("liked_by").is_empty(), "none asked, none given");
    let mut rows = world.ledger.shard_counts(&posts).await.expect("shard_counts");
    rows.sort_by_key(|(post_id, row)| (*post_id, row.shard));
    let likes: Vec<(PostId, i64)> = rows.iter().filter(|row| row.1.likes > 0).map(|row| (row.0, row.1.likes)).collect();
    assert_eq!(likes, [(posts[0], 2), (posts[2], 1)], "rows of many posts in one read");
}

async fn engagement_is_summed_by_post_and_hour(world: Arc<World>) {
    let (author, secret) = (world.user().await, world.user().await);
    let (quiet, strong, hidden) = (world.post(author).await, world.post(author).await, world.post(secret).await);
    let private = ProfileChange { private: Some(true), ..ProfileChange::default() };
    world.ledger.update_profile(secret, private).await.expect("update_profile");
    let users = world.users(3).await;
    let everybody: Vec<_> = users.iter().map(|user| like(*user)).collect();
    world.apply(hidden, 0, &everybody).await;
    world.apply(quiet, 0, &[like(users[0])]).await;
    world.advance(HOUR_MS + 90_000);
    world.apply(quiet, 0, &[like(users[1])]).await;
    world.apply(strong, 0, &[everybody[0].clone(), everybody[1].clone(), world.comment(users[2], None).1]).await;

    let hour = |post_id, hour, engagements| EngagementHour {
        post: PostRef { post_id, author_id: author },
        hour: NOON.plus_ms(hour * HOUR_MS),
        engagements,
    };
    let all = world.ledger.engagement_hours(NOON, 10).await.expect("engagement_hours");
    assert_eq!(all[0], hour(strong, 1, 3), "likes and comments of an hour together, the strongest first");
    let mut rest = all[1..].to_vec();
    rest.sort_by_key(|row| row.hour);
    assert_eq!(rest, [hour(quiet, 0, 1), hour(quiet, 1, 1)], "each hour apart, private accounts left out");
    let late = world.ledger.engagement_hours(NOON.plus_ms(HOUR_MS), 10).await.expect("engagement_hours");
    assert_eq!(late, [hour(strong, 1, 3), hour(quiet, 1, 1)], "only since the time given");
    let within = world.ledger.engagement_hours(NOON.plus_ms(2 * HOUR_MS - 1), 10).await.expect("engagement_hours");
    assert_eq!(within, late, "from the hour that it falls into on");
    assert_eq!(world.ledger.engagement_hours(NOON, 1).await.expect("engagement_hours").len(), 1, "up to the limit");

    world.apply(quiet, 5, &[unlike(users[0])]).await;
    let left = world.ledger.engagement_hours(NOON, 10).await.expect("engagement_hours");
    assert_eq!(left, late, "what was taken back is taken from the hour in which it was counted");
}
