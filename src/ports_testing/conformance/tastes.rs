//! Likes by the people that gave them.

use super::{
    report::ledger_checks,
    world::{World, like, unlike},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{PostId, UserId};

ledger_checks!(recent_likes_are_each_persons_newest_that_stand, last_likers_are_each_posts_newest);

async fn liked(world: &Arc<World>, user_id: UserId, post_id: PostId) {
    world.advance(10);
    world.apply(post_id, 0, &[like(user_id)]).await;
}

async fn recent_likes_are_each_persons_newest_that_stand(world: Arc<World>) {
    let (author, ada, bob) = (world.user().await, world.user().await, world.user().await);
    let posts = world.posts(author, 5).await;
    for post_id in &posts {
        liked(&world, ada, *post_id).await;
    }
    liked(&world, bob, posts[0]).await;
    world.apply(posts[4], 0, &[unlike(ada)]).await;
    world.ledger.delete_post(posts[3], author, world.now()).await.expect("delete_post");
    let likes = world.ledger.recent_likes(&[bob, ada, author], 2).await.expect("recent_likes");
    let found: Vec<_> = likes.iter().map(|like| (like.user_id, like.post.post_id)).collect();
    assert_eq!(found, [(bob, posts[0]), (ada, posts[2]), (ada, posts[1])]);
    assert!(likes.iter().all(|like| like.post.author_id == author));
    assert!(likes[1].at > likes[2].at && likes[0].at > likes[1].at, "times are those of the likes");
    assert_eq!(world.ledger.recent_likes(&[], 2).await.expect("recent_likes"), []);
    assert_eq!(world.ledger.recent_likes(&[ada], 50).await.expect("recent_likes").len(), 3);
}

async fn last_likers_are_each_posts_newest(world: Arc<World>) {
    let users = world.users(4).await;
    let posts = world.posts(users[0], 3).await;
    for user_id in &users {
        liked(&world, *user_id, posts[0]).await;
    }
    liked(&world, users[1], posts[1]).await;
    let likers = world.ledger.last_likers(&[posts[1], posts[0], posts[2]], 2).await.expect("last_likers");
    assert_eq!(likers, [(posts[1], users[1]), (posts[0], users[3]), (posts[0], users[2])]);
    assert_eq!(world.ledger.last_likers(&posts, 50).await.expect("last_likers").len(), 5);
}
