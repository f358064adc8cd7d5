//! Checkpoints, floors, rebuilding, purging, health.

use super::{
    report::ledger_checks,
    world::{NO_CELEBRITIES, World, at_once, like, unlike},
};
use std::{future::Future, sync::Arc};
use tessera_domain::{
    NotificationId, UserId,
    counters::CounterOperation,
    notification::{NotificationKind, Signal},
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::ledger::SavedReply;

ledger_checks!(
    a_checkpoint_is_replaced,
    no_id_lies_after_the_floor,
    a_healthy_ledger_needs_no_rebuilding,
    rebuilding_disturbs_nothing_that_is_written_meanwhile,
    what_is_old_is_purged_and_what_is_not_stays,
    a_closed_ledger_refuses,
);

async fn a_checkpoint_is_replaced(world: Arc<World>) {
    let users = world.users(2).await;
    let read = |user| {
        let world = Arc::clone(&world);
        async move { world.ledger.timeline_checkpoint(user).await.expect("timeline_checkpoint") }
    };
    assert_eq!(read(users[0]).await, None, "nothing was kept yet");
    let kept = [(users[0], vec![1, 2, 3]), (users[1], Vec::new())];
    world.ledger.put_timeline_checkpoints(&kept).await.expect("put_timeline_checkpoints");
    assert_eq!(read(users[0]).await, Some(vec![1, 2, 3]), "a checkpoint reads back as it was written");
    assert_eq!(read(users[1]).await, Some(Vec::new()), "even an empty one");
    let large: Vec<u8> = (0..=255u8).cycle().take(64 * 1_024).collect();
    world.ledger.put_timeline_checkpoints(&[(users[0], large.clone())]).await.expect("put_timeline_checkpoints");
    assert_eq!(read(users[0]).await, Some(large), "a later one replaces it");
    assert_eq!(read(users[1]).await, Some(Vec::new()), "and leaves others alone");
    world.ledger.put_timeline_checkpoints(&[]).await.expect("put_timeline_checkpoints");
}

async fn no_id_lies_after_the_floor(world: Arc<World>) {
    let floor = || async { world.ledger.id_floor().await.expect("id_floor") };
    floor().await;
    let user = world.user().await;
    assert!(floor().await >= user.created_at(), "an account's id");
    world.advance(HOUR_MS);
    let post_id = world.post(user).await;
    assert!(floor().await >= post_id.created_at(), "a post's id");
    world.advance(HOUR_MS);
    let (comment_id, add) = world.comment(user, None);
    world.apply(post_id, 0, &[add]).await;
    assert!(floor().await >= comment_id.created_at(), "a comment's id");
    world.advance(HOUR_MS);
    let (actor_id, id) = (world.user().await, NotificationId(world.id()));
    let signal = Signal { kind: NotificationKind::Follow, post_id: None, comment_id: None, actor_id };
    world.ledger.record_signals(user, &[(signal, id)], world.now()).await.expect("record_signals");
    assert!(floor().await >= id.created_at(), "a notification's id");
}

async fn a_healthy_ledger_needs_no_rebuilding(world: Arc<World>) {
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "an empty ledger");
    let users = world.users(6).await;
    let posts = world.posts(users[0], 3).await;
    for pair in users.windows(2) {
        world.follow(pair[0], pair[1]).await;
        world.follow(pair[1], users[0]).await;
    }
    world.unfollow(users[2], users[0]).await;
    world.ledger.block(users[0], users[3], world.now(), NO_CELEBRITIES).await.expect("block");
    for (step, user) in users.iter().enumerate() {
        let shard = step as u16;
        let (comment_id, add) = world.comment(*user, None);
        world.apply(posts[0], shard, &[like(*user), add]).await;
        world.apply(posts[1], 7, &[like(*user)]).await;
        if step % 2 == 0 {
            let delete = CounterOperation::DeleteComment { comment_id, user_id: *user };
            world.apply(posts[0], 7 - shard, &[unlike(*user), delete]).await;
        }
    }
    world.ledger.delete_post(posts[1], users[0], world.now()).await.expect("delete_post");
    let mut before = world.ledger.users(&users).await.expect("users");
    let rows = world.rows(posts[0]).await;
    assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0, "nothing was wrong");
    let mut after = world.ledger.users(&users).await.expect("users");
    before.sort_by_key(|user| user.id);
    after.sort_by_key(|user| user.id);
    assert_eq!(after, before, "accounts are as they were");
    assert_eq!(world.rows(posts[0]).await, rows, "counters are as they were");
}

async fn rebuilding_disturbs_nothing_that_is_written_meanwhile(world: Arc<World>) {
    let users = world.users(30).await;
    let posts = world.posts(users[0], 2).await;
    at_once((0..4_usize).map(|task| {
        let (world, users, posts) = (Arc::clone(&world), users.clone(), posts.clone());
        async move {
            for user in users.iter().skip(1) {
                match task {
                    0 | 1 => drop(world.apply(posts[task], task as u16, &[like(*user)]).await),
                    2 => drop(world.follow(*user, users[0]).await),
                    // Of a healthy ledger nothing is to be corrected, whatever is under way.
                    _ => assert_eq!(world.ledger.rebuild_counters().await.expect("rebuild_counters"), 0),
                }
            }
        }
    }))
    .await;
    for post_id in posts {
        assert_eq!(world.counts(post_id).await.likes, 29, "each like counts once");
    }
    assert_eq!(world.account(users[0]).await.follower_count, 29, "and each follow");
}

async fn what_is_old_is_purged_and_what_is_not_stays(world: Arc<World>) {
    let user: UserId = world.user().await;
    let reply = || SavedReply { fingerprint: [1; 32], label: 200, body: b"{}".to_vec() };
    let start = world.now();
    world.ledger.save_reply("old", "key", reply(), start).await.expect("save_reply");
    world.ledger.create_session([1; 32], user, start, start.plus_ms(HOUR_MS)).await.expect("create_session");
    world.ledger.create_session([2; 32], user, start, start.plus_ms(30 * DAY_MS)).await.expect("create_session");
    world.advance(2 * HOUR_MS);
    let now = world.now();
    world.ledger.save_reply("young", "key", reply(), now).await.expect("save_reply");
    let purge = || async { world.ledger.purge_expired(now.plus_ms(-1)).await.expect("purge_expired") };
    assert_eq!(purge().await, 2, "the old reply and the session that ran out go");
    assert_eq!(purge().await, 0, "once");
    let old = world.ledger.saved_reply("old", "key", now).await.expect("saved_reply");
    assert_eq!(old, None, "the old reply is gone");
    let young = world.ledger.saved_reply("young", "key", now).await.expect("saved_reply");
    assert!(young.is_some(), "the young reply stays");
    let session = world.ledger.session_user([2; 32], now).await.expect("session_user");
    assert_eq!(session, Some(user), "the valid session stays");
}

async fn a_closed_ledger_refuses(world: Arc<World>) {
    world.ledger.check().await.expect("an open ledger is healthy");
    let user = world.user().await;
    world.ledger.close().await;
    assert!(world.ledger.check().await.is_err(), "a closed ledger is not healthy");
    assert!(world.ledger.users(&[user]).await.is_err(), "a closed ledger reads nothing");
    assert!(world.ledger.create_user(world.new_user()).await.is_err(), "a closed ledger writes nothing");
    world.ledger.close().await;
}
