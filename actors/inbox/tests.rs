//! What the ledger is asked to record, and inboxes through their reference over a real ledger.

use super::{InboxArgs, InboxRef, InboxSettings, core};
use crate::testing::{Ground, at_once, soon};
use std::cell::Cell;
use tessera_domain::{
    PostId, UserId,
    counters::CounterOperation,
    notification::{NotificationKind, Signal},
};

#[test]
fn signals_are_recorded_once_in_order_with_ids_of_their_own() {
    let like = |actor| Signal {
        kind: NotificationKind::Like,
        post_id: Some(PostId(1)),
        comment_id: None,
        actor_id: UserId(actor),
    };
    let ids = Cell::new(100);
    let next_id = || {
        ids.set(ids.get() + 1);
        ids.get()
    };
    let chunks = core::chunks([like(3), like(1), like(3), like(2), like(1), like(4)], 2, next_id);
    let plain: Vec<Vec<_>> =
        chunks.iter().map(|chunk| chunk.iter().map(|(signal, id)| (signal.actor_id.0, id.0)).collect()).collect();
    assert_eq!(plain, [[(3, 101), (1, 102)], [(2, 103), (4, 104)]]);
    assert!(core::chunks([], 2, || 1).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_of_many_callers_become_one_notification() {
    let ground = Ground::new().await;
    let users = ground.world.users(41).await;
    let author = users[0];
    let post_id = ground.world.post(author).await;
    let likes: Vec<_> = users[1..].iter().map(|user_id| CounterOperation::Like { user_id: *user_id }).collect();
    ground.world.apply(post_id, 0, &likes).await;
    let settings = InboxSettings::default();
    let args = InboxArgs::new(&ground.ledger, ground.next_id(), settings);
    let inboxes = InboxRef::new(ground.region(args, super::region_settings()));
    let signal = |actor_id| Signal { kind: NotificationKind::Like, post_id: Some(post_id), comment_id: None, actor_id };
    // Every signal twice, as after a redelivery.
    let calls = users[1..].iter().chain(&users[1..]).map(|actor_id| {
        let (inboxes, signal) = (inboxes.clone(), signal(*actor_id));
        async move { inboxes.record(author, vec![signal], soon()).await.expect("recorded") }
    });
    at_once(calls.collect::<Vec<_>>()).await;
    inboxes.record(author, vec![], soon()).await.expect("nothing to record is no error");
    let notifications = ground.ledger.notifications(author, None, 10).await.expect("notifications");
    assert_eq!(notifications.iter().map(|one| one.actor_count).collect::<Vec<_>>(), [40]);
    assert_eq!(inboxes.region().stats().activations, 1);
}
