//! Inboxes: coalescing, redelivery, reading.

use super::{
    report::ledger_checks,
    world::{self, World, at_once},
};
use std::{collections::HashSet, future::Future, sync::Arc};
use tessera_domain::{
    NotificationId, PostId, UserId,
    counters::CounterOperation,
    notification::{NAMED_ACTORS, Notification, NotificationKind, Signal},
};
use tessera_ports::ledger::{MAX_PAGE, NotificationPosition};

ledger_checks!(
    signals_of_one_kind_and_post_coalesce,
    signals_of_one_delivery_coalesce,
    kinds_posts_and_users_are_kept_apart,
    redelivery_is_harmless,
    redelivery_at_once_is_harmless,
    a_read_notification_is_closed,
    marking_read_goes_by_list_order,
    an_inbox_pages_without_gaps_or_duplicates,
    every_comment_is_told,
    commenters_come_once_the_latest_first,
    marking_read_ends_however_many_are_unread,
);

pub(super) fn signal(kind: NotificationKind, post_id: Option<PostId>, actor: u64) -> Signal {
    Signal { kind, post_id, comment_id: None, actor_id: UserId(actor) }
}

pub(super) fn like(post: u64, actor: u64) -> Signal {
    signal(NotificationKind::Like, Some(PostId(post)), actor)
}

/// Does what signals tell of, and records them, each with a fresh id; gives what changed.
pub(super) async fn record(world: &World, user_id: UserId, signals: &[Signal]) -> Vec<Notification> {
    for signal in signals {
        happen(world, user_id, signal).await;
    }
    let with_ids: Vec<_> = signals.iter().map(|signal| (*signal, NotificationId(world.id()))).collect();
    let changed = world.ledger.record_signals(user_id, &with_ids, world.now()).await.expect("record_signals");
    list(world, user_id).await.into_iter().filter(|notification| changed.contains(&notification.id)).collect()
}

async fn happen(world: &World, user_id: UserId, signal: &Signal) {
    match (signal.kind, signal.post_id) {
        (NotificationKind::Like, Some(post_id)) => drop(world.apply(post_id, 0, &[world::like(signal.actor_id)]).await),
        (NotificationKind::Follow, _) => drop(world.follow(signal.actor_id, user_id).await),
        _ => {}
    }
}

/// Comments on a post; gives the signal of it.
pub(super) async fn comment(world: &World, post_id: PostId, actor_id: UserId) -> Signal {
    let (comment_id, operation) = world.comment(actor_id, None);
    world.apply(post_id, 0, &[operation]).await;
    Signal { kind: NotificationKind::Comment, post_id: Some(post_id), comment_id: Some(comment_id), actor_id }
}

pub(super) async fn list(world: &World, user_id: UserId) -> Vec<Notification> {
    let rows = world.ledger.notifications(user_id, None, 100).await.expect("notifications");
    rows.into_iter().filter(Notification::is_shown).collect()
}

pub(super) async fn unread(world: &World, user_id: UserId) -> u64 {
    world.ledger.unread_count(user_id).await.expect("unread_count")
}

/// A recipient, a post of theirs and ids of people who do things.
pub(super) async fn stage(world: &Arc<World>, actors: usize) -> (UserId, u64, Vec<u64>) {
    let user_id = world.user().await;
    let post_id = world.post(user_id).await;
    (user_id, post_id.0, world.users(actors).await.iter().map(|actor| actor.0).collect())
}

async fn signals_of_one_kind_and_post_coalesce(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 5).await;
    let mut opened = None;
    for (step, actor) in actors.iter().enumerate() {
        world.advance(1_000);
        let changed = record(&world, user_id, &[like(post, *actor)]).await;
        assert_eq!(changed.len(), 1, "a new signal changes one notification");
        let mut latest: Vec<UserId> = actors[..=step].iter().rev().map(|actor| UserId(*actor)).collect();
        latest.truncate(NAMED_ACTORS);
        let expected = Notification {
            id: *opened.get_or_insert(changed[0].id),
            kind: NotificationKind::Like,
            post_id: Some(PostId(post)),
            own_post: true,
            actor_ids: latest,
            actor_count: step as u64 + 1,
            read: false,
            updated_at: world.now(),
        };
        assert_eq!(changed[0], expected, "it joins the unread one, whose id stays, newest actor first");
        assert_eq!(list(&world, user_id).await, changed, "the inbox holds that one notification");
    }
    assert_eq!(unread(&world, user_id).await, 1, "one is unread, however many people it tells of");
}

async fn signals_of_one_delivery_coalesce(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 3).await;
    let signals: Vec<Signal> = actors.iter().chain(&actors[..1]).map(|actor| like(post, *actor)).collect();
    let with_ids: Vec<_> = signals.iter().map(|signal| (*signal, NotificationId(world.id()))).collect();
    for signal in &signals {
        happen(&world, user_id, signal).await;
    }
    let changed = world.ledger.record_signals(user_id, &with_ids, world.now()).await.expect("record_signals");
    assert_eq!(changed, [with_ids[0].1], "one changed, with the id that came with the signal that opened it");
    let changed = list(&world, user_id).await;
    assert_eq!(changed[0].actor_count, 3, "an actor given twice counts once");
    let latest: Vec<UserId> = actors.iter().rev().map(|actor| UserId(*actor)).collect();
    assert_eq!(changed[0].actor_ids, latest, "later signals are newer");
    let nothing = world.ledger.record_signals(user_id, &[], world.now()).await.expect("record_signals");
    assert!(nothing.is_empty(), "no signals, no change");
}

async fn kinds_posts_and_users_are_kept_apart(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 1).await;
    let second = world.post(user_id).await.0;
    let other = world.user().await;
    let actor = actors[0];
    let signals = [
        like(post, actor),
        like(second, actor),
        signal(NotificationKind::Comment, Some(PostId(post)), actor),
        signal(NotificationKind::Follow, None, actor),
    ];
    assert_eq!(record(&world, user_id, &signals).await.len(), 4, "each kind and post has its own notification");
    assert_eq!(record(&world, other, &[signal(NotificationKind::Follow, None, actor)]).await.len(), 1, "another inbox");
    assert_eq!((unread(&world, user_id).await, unread(&world, other).await), (4, 1), "each user's own count");
    assert_eq!(list(&world, other).await.len(), 1, "each user's own list");
    let newest = list(&world, user_id).await[0].id;
    assert_eq!(world.ledger.mark_read(other, newest).await.expect("mark_read"), 0, "nobody reads another's inbox");
    assert_eq!(unread(&world, user_id).await, 4, "which stays unread");
}

async fn redelivery_is_harmless(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 2).await;
    record(&world, user_id, &[like(post, actors[0]), like(post, actors[1])]).await;
    let before = list(&world, user_id).await;
    world.advance(60_000);
    let changed = record(&world, user_id, &[like(post, actors[0]), like(post, actors[1])]).await;
    assert!(changed.is_empty(), "a signal that was recorded before changes nothing");
    assert_eq!(list(&world, user_id).await, before, "not even the time of its notification");
    // A follow has no post: its uniqueness must not be lost with it.
    let follow = signal(NotificationKind::Follow, None, actors[0]);
    assert_eq!(record(&world, user_id, &[follow]).await.len(), 1, "a new follow");
    assert!(record(&world, user_id, &[follow]).await.is_empty(), "a redelivered follow");
}

async fn redelivery_at_once_is_harmless(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 6).await;
    let changes =
        at_once(
            (0..12).map(|step| {
                let (world, actors) = (Arc::clone(&world), actors.clone());
                async move {
                    record(&world, user_id, &[like(post, actors[step % 6]), like(post, actors[(step + 1) % 6])]).await
                }
            }),
        )
        .await;
    let ids: HashSet<NotificationId> = changes.concat().iter().map(|notification| notification.id).collect();
    assert_eq!(ids.len(), 1, "deliveries at once open one notification");
    let inbox = list(&world, user_id).await;
    assert_eq!((inbox.len(), inbox[0].actor_count), (1, 6), "which counts each actor once");
}

async fn a_read_notification_is_closed(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 2).await;
    let first = record(&world, user_id, &[like(post, actors[0])]).await.remove(0);
    assert_eq!(world.ledger.mark_read(user_id, first.id).await.expect("mark_read"), 1, "one changed");
    assert_eq!(world.ledger.mark_read(user_id, first.id).await.expect("mark_read"), 0, "it is read once");
    assert_eq!(unread(&world, user_id).await, 0, "nothing is unread");
    world.advance(1_000);
    assert!(record(&world, user_id, &[like(post, actors[0])]).await.is_empty(), "redelivery does not open it again");
    let second = record(&world, user_id, &[like(post, actors[1])]).await.remove(0);
    assert_ne!(second.id, first.id, "a new signal opens a new notification");
    assert_eq!((second.actor_count, second.read), (1, false), "which tells of the new one only");
    let closed = Notification { read: true, ..first };
    assert_eq!(list(&world, user_id).await, [second, closed], "newest first, the closed one as it was");
}

async fn marking_read_goes_by_list_order(world: Arc<World>) {
    let (user_id, first_post, actors) = stage(&world, 2).await;
    let mut opened = Vec::new();
    for post in [first_post, world.post(user_id).await.0, world.post(user_id).await.0] {
        world.advance(1_000);
        opened.push(record(&world, user_id, &[like(post, actors[0])]).await.remove(0).id);
    }
    world.advance(1_000);
    // The oldest notification gets another signal, so that it is now the newest of the list.
    record(&world, user_id, &[like(first_post, actors[1])]).await;
    let order: Vec<_> = list(&world, user_id).await.iter().map(|notification| notification.id).collect();
    assert_eq!(order, [opened[0], opened[2], opened[1]], "newest change first");
    let changed = world.ledger.mark_read(user_id, opened[2]).await.expect("mark_read");
    assert_eq!(changed, 2, "up to and including the one named, in list order");
    let read: Vec<bool> = list(&world, user_id).await.iter().map(|notification| notification.read).collect();
    assert_eq!(read, [false, true, true], "what changed later stays unread, whatever its id");
    let unknown = world.ledger.mark_read(user_id, NotificationId(world.id())).await.expect("mark_read");
    assert_eq!((unknown, unread(&world, user_id).await), (0, 1), "an unknown notification marks nothing");
}

async fn an_inbox_pages_without_gaps_or_duplicates(world: Arc<World>) {
    let (user_id, _, actors) = stage(&world, 1).await;
    let mut opened = Vec::new();
    for step in 0..17u64 {
        // Several have the same time: position is time and id together.
        world.advance(i64::from(step % 4 == 0));
        let post_id = world.post(user_id).await;
        opened.push(record(&world, user_id, &[like(post_id.0, actors[0])]).await.remove(0).id);
    }
    opened.reverse();
    let (mut seen, mut after): (Vec<NotificationId>, Option<NotificationPosition>) = (Vec::new(), None);
    for expected in [5, 5, 5, 2, 0] {
        let page = world.ledger.notifications(user_id, after, 5).await.expect("notifications");
        assert_eq!(page.len(), expected, "full pages until none is left");
        after = page.last().map(|last| (last.updated_at, last.id)).or(after);
        seen.extend(page.iter().map(|notification| notification.id));
    }
    assert_eq!(seen, opened, "every notification once, newest first");
}

async fn every_comment_is_told(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 2).await;
    let post_id = PostId(post);
    let first = comment(&world, post_id, UserId(actors[0])).await;
    let opened = record(&world, user_id, &[first]).await.remove(0);
    world.advance(1_000);
    let second = comment(&world, post_id, UserId(actors[0])).await;
    let grown = record(&world, user_id, &[second]).await.remove(0);
    let expected = Notification { updated_at: world.now(), ..opened.clone() };
    assert_eq!(grown, expected, "a second comment joins the unread one, whose author counts once");
    assert!(record(&world, user_id, &[first, second]).await.is_empty(), "a redelivered comment changes nothing");
    world.ledger.mark_read(user_id, opened.id).await.expect("mark_read");
    world.advance(1_000);
    let third = comment(&world, post_id, UserId(actors[0])).await;
    let fresh = record(&world, user_id, &[third]).await.remove(0);
    assert_ne!(fresh.id, opened.id, "after it was read the next comment opens a new one");
    let other = comment(&world, post_id, UserId(actors[1])).await;
    let grown = record(&world, user_id, &[other]).await.remove(0);
    let latest = vec![UserId(actors[1]), UserId(actors[0])];
    assert_eq!((grown.id, grown.actor_ids, grown.actor_count), (fresh.id, latest, 2), "the latest first");
    let delete = CounterOperation::DeleteComment { comment_id: third.comment_id.expect("an id"), user_id };
    world.apply(post_id, 0, &[delete]).await;
    let left = list(&world, user_id).await;
    assert_eq!(
        (&left[0].actor_ids[..], left[0].actor_count),
        (&[UserId(actors[1])][..], 1),
        "what was deleted is gone"
    );
}

async fn commenters_come_once_the_latest_first(world: Arc<World>) {
    let (author_id, post, actors) = stage(&world, 3).await;
    let post_id = PostId(post);
    let people: Vec<UserId> = actors.iter().map(|actor| UserId(*actor)).collect();
    for user_id in [people[0], people[1], author_id, people[0]] {
        comment(&world, post_id, user_id).await;
    }
    let last = comment(&world, post_id, author_id).await.comment_id.expect("an id");
    comment(&world, post_id, people[2]).await;
    let commenters = async |limit| world.ledger.commenters(post_id, last, author_id, limit).await.expect("commenters");
    assert_eq!(commenters(10).await, [people[0], people[1]], "those before, each once");
    assert_eq!(commenters(1).await, [people[0]], "the latest");
}

async fn marking_read_ends_however_many_are_unread(world: Arc<World>) {
    let (user_id, post, actors) = stage(&world, 1).await;
    let count = 2 * MAX_PAGE as u64 + 5;
    // Of posts that are not there, so none of them is shown.
    let hidden: Vec<_> = (1..=count).map(|post| (like(post, actors[0]), NotificationId(world.id()))).collect();
    world.ledger.record_signals(user_id, &hidden, world.now()).await.expect("record_signals");
    world.advance(1_000);
    let shown = record(&world, user_id, &[like(post, actors[0])]).await.remove(0);
    assert_eq!(unread(&world, user_id).await, 1, "only what is shown counts");
    assert_eq!(world.ledger.mark_read(user_id, shown.id).await.expect("mark_read"), count + 1, "all are read");
    assert_eq!(unread(&world, user_id).await, 0, "nothing is unread");
}
