//! Posts: reading, editing and deleting.

use super::{
    report::ledger_checks,
    world::{World, at_once, like, sorted},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    PostId,
    counters::{CounterOutcome, Counts},
    event::Event,
    post::Post,
};
use tessera_ports::ledger::{ChangePostOutcome, PostRange};

ledger_checks!(
    unknown_posts_are_left_out,
    an_edit_changes_what_it_names,
    only_the_author_changes_a_post,
    a_deleted_post_is_hidden_everywhere,
    a_deletion_takes_likes_and_comments_along,
    deleting_counts_once_and_is_told_once,
    a_post_deleted_by_many_at_once_is_deleted_once,
);

async fn read(world: &World, id: PostId) -> Post {
    world.ledger.posts(&[id]).await.expect("posts").into_iter().next().expect("a post that was made is found")
}

async fn unknown_posts_are_left_out(world: Arc<World>) {
    let made = world.posts(world.user().await, 3).await;
    let mut asked = made.clone();
    asked.insert(1, PostId(world.id()));
    let found: Vec<PostId> = world.ledger.posts(&asked).await.expect("posts").iter().map(|post| post.id).collect();
    assert_eq!(sorted(&found), made, "posts() gives those that exist");
    assert!(world.ledger.posts(&[]).await.expect("posts").is_empty(), "asking for none gives none");
}

async fn an_edit_changes_what_it_names(world: Arc<World>) {
    let author = world.user().await;
    let id = world.post(author).await;
    let before = read(&world, id).await;
    world.events().await;

    world.advance(1_000);
    let caption = Some(("Dawn #sea #Sky".to_owned(), vec!["sea".to_owned(), "sky".to_owned()]));
    let outcome = world.ledger.edit_post(id, author, caption, None, world.now()).await.expect("edit_post");
    let expected = Post {
        caption: "Dawn #sea #Sky".to_owned(),
        hashtags: vec!["sea".to_owned(), "sky".to_owned()],
        edited_at: Some(world.now()),
        ..before
    };
    assert_eq!(outcome, ChangePostOutcome::Done(Box::new(expected.clone())), "caption and hashtags change");

    world.advance(1_000);
    let alt_text = Some("The sea at dawn".to_owned());
    world.ledger.edit_post(id, author, None, alt_text, world.now()).await.expect("edit_post");
    let expected = Post { alt_text: "The sea at dawn".to_owned(), edited_at: Some(world.now()), ..expected };
    assert_eq!(read(&world, id).await, expected, "None leaves the caption as it is");
    assert_eq!(world.events().await, vec![Event::PostEdited { post_id: id }; 2], "each edit records PostEdited");
}

async fn only_the_author_changes_a_post(world: Arc<World>) {
    let users = world.users(2).await;
    let id = world.post(users[0]).await;
    let before = read(&world, id).await;
    world.events().await;
    let caption = Some(("Mine now".to_owned(), Vec::new()));
    let edited = world.ledger.edit_post(id, users[1], caption.clone(), None, world.now()).await.expect("edit_post");
    assert_eq!(edited, ChangePostOutcome::Forbidden, "editing somebody else's post");
    let deleted = world.ledger.delete_post(id, users[1], world.now()).await.expect("delete_post");
    assert_eq!(deleted, ChangePostOutcome::Forbidden, "deleting somebody else's post");
    assert_eq!(read(&world, id).await, before, "the post is as it was");

    let unknown = PostId(world.id());
    let edited = world.ledger.edit_post(unknown, users[0], caption, None, world.now()).await.expect("edit_post");
    assert_eq!(edited, ChangePostOutcome::NotFound, "editing an unknown post");
    let deleted = world.ledger.delete_post(unknown, users[0], world.now()).await.expect("delete_post");
    assert_eq!(deleted, ChangePostOutcome::NotFound, "deleting an unknown post");
    assert!(world.events().await.is_empty(), "a refused change records nothing");
}

async fn a_deleted_post_is_hidden_everywhere(world: Arc<World>) {
    let (author, reader) = (world.user().await, world.user().await);
    world.follow(reader, author).await;
    let made = world.posts(author, 2).await;
    let (gone, kept) = (made[0], made[1]);
    world.ledger.delete_post(gone, author, world.now()).await.expect("delete_post");

    let found: Vec<PostId> = world.ledger.posts(&made).await.expect("posts").iter().map(|post| post.id).collect();
    assert_eq!(found, [kept], "by id");
    let lists = [
        ("posts_by_author", world.ledger.posts_by_author(author, None, 10).await),
        ("recent_posts", world.ledger.recent_posts(&[author], None, 10).await),
        ("timeline_posts", world.ledger.timeline_posts(reader, PostRange::ALL, 10).await),
        ("public_posts", world.ledger.public_posts(PostId(0), 10).await),
    ];
    for (list, posts) in lists {
        let ids: Vec<PostId> = posts.expect(list).iter().map(|post| post.post_id).collect();
        assert_eq!(ids, [kept], "{list} hides a deleted post");
    }
    let edited = world.ledger.edit_post(gone, author, None, Some("Ghost".to_owned()), world.now()).await;
    assert_eq!(edited.expect("edit_post"), ChangePostOutcome::NotFound, "a deleted post cannot be edited");
    let batch = world.apply(gone, 0, &[like(reader), world.comment(reader, None).1]).await;
    assert_eq!(batch.outcomes, [CounterOutcome::NotFound; 2], "a deleted post cannot be liked or commented on");
}

async fn a_deletion_takes_likes_and_comments_along(world: Arc<World>) {
    let (author, reader) = (world.user().await, world.user().await);
    let id = world.post(author).await;
    let (comment_id, add) = world.comment(reader, None);
    world.apply(id, 0, &[like(reader), add]).await;
    world.ledger.delete_post(id, author, world.now()).await.expect("delete_post");
    assert!(world.ledger.liked_by(reader, &[id]).await.expect("liked_by").is_empty(), "its likes are gone");
    assert!(world.ledger.likers(id, None, 10).await.expect("likers").is_empty(), "its likers are gone");
    assert!(world.ledger.comments(id, None, 10).await.expect("comments").is_empty(), "its comments are gone");
    assert_eq!(world.ledger.comment(comment_id).await.expect("comment"), None, "each of its comments is gone");
    assert_eq!(world.counts(id).await, Counts::default(), "nothing is counted any more");
    let hours = world.ledger.engagement_hours(tessera_domain::Timestamp(0), 10).await.expect("engagement_hours");
    assert!(hours.is_empty(), "nothing is left for the popular list");
}

async fn deleting_counts_once_and_is_told_once(world: Arc<World>) {
    let author = world.user().await;
    let upload = world.queue(author).await;
    let job = world.claim_one().await;
    let post_id = world.finish(&job).await;
    let post = read(&world, post_id).await;
    world.post(author).await;
    world.events().await;
    let first = world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
    assert_eq!(first, ChangePostOutcome::Done(Box::new(post.clone())), "the post as it stood");
    let second = world.ledger.delete_post(post_id, author, world.now()).await.expect("delete_post");
    assert_eq!(second, ChangePostOutcome::NotFound, "it is deleted once");
    assert_eq!(world.account(author).await.post_count, 1, "the author's count falls by one, once");
    let told = Event::PostDeleted { post_id, author_id: author, media: post.media, original_key: upload.object_key };
    assert_eq!(world.events().await, [told], "PostDeleted says which objects are to go, once");
}

async fn a_post_deleted_by_many_at_once_is_deleted_once(world: Arc<World>) {
    let author = world.user().await;
    let posts = world.posts(author, 2).await;
    world.events().await;
    let outcomes = at_once((0..10).map(|_| {
        let (world, id) = (Arc::clone(&world), posts[0]);
        async move { world.ledger.delete_post(id, author, world.now()).await.expect("delete_post") }
    }))
    .await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, ChangePostOutcome::Done(_))).count();
    assert_eq!(done, 1, "of ten deletions at once one takes effect");
    assert_eq!(world.account(author).await.post_count, 1, "the author's count falls by one");
    assert_eq!(world.events().await.len(), 1, "one event");
}
