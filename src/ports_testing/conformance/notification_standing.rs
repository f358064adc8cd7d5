//! Inboxes: what of a notification is shown and counted.

use super::{
    notifications::{comment, like, list, record, signal, stage, unread},
    report::ledger_checks,
    world::{self, NO_CELEBRITIES, World, unlike},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    PostId, UserId,
    counters::CounterOperation,
    notification::{KNOWN_SIGNALS, NAMED_ACTORS, NotificationKind, Signal},
};
use tessera_ports::ledger::ProfileChange;

ledger_checks!(
    what_was_taken_back_or_deleted_is_neither_shown_nor_counted,
    who_is_blocked_is_neither_shown_nor_counted,
    of_many_the_latest_are_known_and_all_are_counted,
    a_comment_of_the_author_concerns_those_who_may_see_the_post,
);

async fn what_was_taken_back_or_deleted_is_neither_shown_nor_counted(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 1).await;
    let (actor, post_id) = (UserId(actors[0]), PostId(post));
    let told = comment(&world, post_id, actor).await;
    let follow = signal(NotificationKind::Follow, None, actors[0]);
    assert_eq!(record(&world, user_id, &[like(post, actors[0]), told, follow]).await.len(), 3, "three are opened");

    world.apply(post_id, 0, &[unlike(actor)]).await;
    assert_eq!(
        (list(&world, user_id).await.len(), unread(&world, user_id).await),
        (2, 2),
        "a like that was taken back"
    );
    world.apply(post_id, 0, &[world::like(actor)]).await;
    assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (3, 3), "it stands again");
    world.unfollow(actor, user_id).await;
    assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (2, 2), "a follow that ended");
    let delete = CounterOperation::DeleteComment { comment_id: told.comment_id.expect("an id"), user_id: actor };
    world.apply(post_id, 0, &[delete]).await;
    assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (1, 1), "a deleted comment");
    world.ledger.delete_post(post_id, user_id, world.now()).await.expect("delete_post");
    assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (0, 0), "a deleted post");
    let rows = world.ledger.notifications(user_id, None, 2).await.expect("notifications");
    assert_eq!(rows.len(), 2, "a reader gets behind what is not shown");
}

async fn who_is_blocked_is_neither_shown_nor_counted(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 2).await;
    record(&world, user_id, &[like(post, actors[0])]).await;
    for (blocker_id, blocked_id) in [(user_id, UserId(actors[0])), (UserId(actors[0]), user_id)] {
        world.ledger.block(blocker_id, blocked_id, world.now(), NO_CELEBRITIES).await.expect("block");
        assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (0, 0), "blocked either way");
        world.ledger.unblock(blocker_id, blocked_id).await.expect("unblock");
        assert_eq!((list(&world, user_id).await.len(), unread(&world, user_id).await), (1, 1), "and back");
    }
    record(&world, user_id, &[like(post, actors[1])]).await;
    world.ledger.block(user_id, UserId(actors[1]), world.now(), NO_CELEBRITIES).await.expect("block");
    let left = list(&world, user_id).await;
    assert_eq!((&left[0].actor_ids[..], left[0].actor_count), (&[UserId(actors[0])][..], 1), "the other one is named");
}

async fn of_many_the_latest_are_known_and_all_are_counted(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, KNOWN_SIGNALS + 10).await;
    let likes: Vec<Signal> = actors.iter().map(|actor| like(post, *actor)).collect();
    record(&world, user_id, &likes[..7]).await;
    record(&world, user_id, &likes[7..]).await;
    let many = list(&world, user_id).await.remove(0);
    let latest: Vec<UserId> = actors.iter().rev().take(NAMED_ACTORS).map(|actor| UserId(*actor)).collect();
    assert_eq!((many.actor_ids, many.actor_count), (latest, actors.len() as u64), "all are counted");
    let taken_back: Vec<_> = actors[20..].iter().map(|actor| unlike(UserId(*actor))).collect();
    world.apply(PostId(post), 0, &taken_back).await;
    let fewer = list(&world, user_id).await.remove(0);
    let latest: Vec<UserId> = (17..20).rev().map(|place| UserId(actors[place])).collect();
    assert_eq!((fewer.actor_ids, fewer.actor_count), (latest, 20), "the latest of those who are left");
}

async fn a_comment_of_the_author_concerns_those_who_may_see_the_post(world: Arc<World>) {
    let (author_id, post, actors) = stage(&world, 1).await;
    let commenter_id = UserId(actors[0]);
    let reply = comment(&world, PostId(post), author_id).await;
    let told = record(&world, commenter_id, &[reply]).await.remove(0);
    assert_eq!((told.own_post, &told.actor_ids[..]), (false, &[author_id][..]), "it is the author's post");
    world
        .ledger
        .update_profile(author_id, ProfileChange { private: Some(true), ..Default::default() })
        .await
        .expect("update_profile");
    assert_eq!((list(&world, commenter_id).await.len(), unread(&world, commenter_id).await), (0, 0), "a private one");
    world.follow(commenter_id, author_id).await;
    assert_eq!((list(&world, commenter_id).await.len(), unread(&world, commenter_id).await), (1, 1), "to followers");
}
