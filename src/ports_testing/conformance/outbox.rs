//! The outbox: order, leases, retries, death.

use super::{
    report::ledger_checks,
    world::{LEASE_MS, World, at_once},
};
use std::{collections::HashSet, future::Future, sync::Arc};
use tessera_domain::{UserId, event::Event};
use tessera_ports::ledger::{MAX_EVENT_ATTEMPTS, OutboxCounts, OutboxEvent};

ledger_checks!(
    events_come_in_order,
    a_leased_event_is_handed_out_again_when_the_lease_ran_out,
    an_acknowledged_event_is_gone,
    a_stale_lease_acknowledges_and_retries_nothing,
    a_retried_event_waits_until_its_time,
    an_event_dies_when_its_attempts_are_spent,
    dead_events_are_shown_and_revived,
    claimers_at_once_never_share_an_event,
);

/// Makes `count` events by following; gives the followers in order.
async fn happen(world: &Arc<World>, count: usize) -> Vec<UserId> {
    let author = world.user().await;
    let followers = world.users(count).await;
    world.events().await;
    for follower in &followers {
        world.follow(*follower, author).await;
    }
    followers
}

async fn claim(world: &World, limit: usize) -> Vec<OutboxEvent> {
    world.ledger.claim_events(limit, LEASE_MS, world.now()).await.expect("claim_events")
}

async fn acknowledge(world: &World, events: &[OutboxEvent]) {
    let handled: Vec<_> = events.iter().map(|event| (event.id, event.lease_token)).collect();
    world.ledger.acknowledge_events(&handled).await.expect("acknowledge_events");
}

async fn counts(world: &World) -> (u64, u64) {
    let OutboxCounts { pending, dead } = world.ledger.outbox_counts().await.expect("outbox_counts");
    (pending, dead)
}

async fn events_come_in_order(world: Arc<World>) {
    assert!(claim(&world, 10).await.is_empty(), "nothing happened, nothing is told");
    let followers = happen(&world, 7).await;
    assert_eq!(counts(&world).await, (7, 0), "all are waiting");
    let first = claim(&world, 3).await;
    assert_eq!(first.len(), 3, "at most as many as asked for");
    let rest = claim(&world, 10).await;
    let all: Vec<OutboxEvent> = first.into_iter().chain(rest).collect();
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id), "positions grow");
    assert!(all.iter().all(|event| event.attempt == 1), "attempts count from 1");
    let told: Vec<UserId> = all
        .iter()
        .map(|event| match event.event {
            Event::Followed { follower_id, .. } => follower_id,
            ref other => panic!("only follows happened, not {other:?}"),
        })
        .collect();
    assert_eq!(told, followers, "events come in the order in which they happened");
    assert_eq!(counts(&world).await, (7, 0), "what is held is pending still");
}

async fn a_leased_event_is_handed_out_again_when_the_lease_ran_out(world: Arc<World>) {
    happen(&world, 1).await;
    let first = claim(&world, 10).await.remove(0);
    world.advance(LEASE_MS - 1);
    assert!(claim(&world, 10).await.is_empty(), "a held event is handed to nobody else");
    world.advance(2);
    let second = claim(&world, 10).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2), "the event is handed out again");
    assert_ne!(second.lease_token, first.lease_token, "every lease has a token of its own");
    assert_eq!(second.event, first.event, "it tells the same");
}

async fn an_acknowledged_event_is_gone(world: Arc<World>) {
    happen(&world, 3).await;
    let claimed = claim(&world, 10).await;
    for _ in 0..2 {
        acknowledge(&world, &claimed[..2]).await;
    }
    assert_eq!(counts(&world).await, (1, 0), "handled events are removed");
    world.advance(LEASE_MS + 1);
    let left = claim(&world, 10).await;
    assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), [claimed[2].id], "and only they");
}

async fn a_stale_lease_acknowledges_and_retries_nothing(world: Arc<World>) {
    happen(&world, 1).await;
    let stale = claim(&world, 1).await;
    world.advance(LEASE_MS + 1);
    let held = claim(&world, 1).await;
    acknowledge(&world, &stale).await;
    assert_eq!(counts(&world).await, (1, 0), "an event whose lease was lost stays");
    let (id, token) = (stale[0].id, stale[0].lease_token);
    world.ledger.retry_event(id, token, world.now(), "Stale").await.expect("retry_event");
    assert!(claim(&world, 10).await.is_empty(), "a stale retry does not take the event from its holder");
    acknowledge(&world, &held).await;
    assert_eq!(counts(&world).await, (0, 0), "the holder may acknowledge");
}

async fn a_retried_event_waits_until_its_time(world: Arc<World>) {
    happen(&world, 2).await;
    let claimed = claim(&world, 10).await;
    let retry_at = world.now().plus_ms(5_000);
    world.ledger.retry_event(claimed[0].id, claimed[0].lease_token, retry_at, "Busy").await.expect("retry_event");
    acknowledge(&world, &claimed[1..]).await;
    world.advance(4_999);
    assert!(claim(&world, 10).await.is_empty(), "it is not due before its time");
    world.advance(2);
    let again = claim(&world, 10).await;
    assert_eq!((again[0].id, again[0].attempt), (claimed[0].id, 2), "it is due then, with its next attempt");
}

async fn an_event_dies_when_its_attempts_are_spent(world: Arc<World>) {
    happen(&world, 1).await;
    for attempt in 1..=MAX_EVENT_ATTEMPTS {
        let claimed = claim(&world, 10).await;
        assert_eq!(claimed.len(), 1, "handed out for attempt {attempt}");
        assert_eq!(claimed[0].attempt, attempt, "every claim spends an attempt");
        if attempt % 2 == 0 {
            let event = &claimed[0];
            let retried = world.ledger.retry_event(event.id, event.lease_token, world.now(), "Busy").await;
            retried.expect("retry_event");
        }
        world.advance(LEASE_MS + 1);
    }
    let author = world.user().await;
    let follower = world.user().await;
    world.follow(follower, author).await;
    let next = [claim(&world, 10).await, claim(&world, 10).await].concat();
    assert_eq!(next.len(), 1, "the spent event is not handed out, the one behind it is");
    assert_eq!(next[0].event, Event::Followed { follower_id: follower, followee_id: author }, "and holds nobody up");
    assert_eq!(counts(&world).await, (1, 1), "the spent one is dead");
}

async fn dead_events_are_shown_and_revived(world: Arc<World>) {
    happen(&world, 2).await;
    let claimed = claim(&world, 10).await;
    acknowledge(&world, &claimed[1..]).await;
    assert!(!world.ledger.revive_event(claimed[0].id).await.expect("revive_event"), "a held event is not dead");
    let mut held = claimed[0].clone();
    for _ in 1..MAX_EVENT_ATTEMPTS {
        let retried = world.ledger.retry_event(held.id, held.lease_token, world.now(), "Busy").await;
        retried.expect("retry_event");
        held = claim(&world, 1).await.remove(0);
    }
    assert!(
        world.ledger.dead_events(None, 10).await.expect("dead_events").is_empty(),
        "not while an attempt is under way"
    );
    world.advance(LEASE_MS + 1);
    assert!(claim(&world, 10).await.is_empty(), "its attempts are spent");
    let dead = world.ledger.dead_events(None, 10).await.expect("dead_events");
    assert_eq!(dead.len(), 1, "the dead event is shown");
    assert_eq!((dead[0].id, dead[0].attempts), (held.id, MAX_EVENT_ATTEMPTS), "with the attempts it took");
    assert_eq!(dead[0].last_error.as_deref(), Some("Busy"), "and its last failure");
    assert!(dead[0].event.contains("followed"), "and what it tells: {}", dead[0].event);
    assert!(world.ledger.dead_events(None, 0).await.expect("dead_events").is_empty(), "up to a limit");
    for (after, count) in [(held.id - 1, 1), (held.id, 0)] {
        let page = world.ledger.dead_events(Some(after), 10).await.expect("dead_events");
        assert_eq!(page.len(), count, "those behind {after}");
    }

    assert!(world.ledger.revive_event(held.id).await.expect("revive_event"), "a dead event is revived");
    assert!(!world.ledger.revive_event(held.id).await.expect("revive_event"), "once");
    let woken = tokio::time::timeout(std::time::Duration::from_secs(10), world.ledger.wakes().outbox.notified()).await;
    assert!(woken.is_ok(), "which wakes the relay");
    let again = claim(&world, 10).await;
    assert_eq!((again[0].id, again[0].attempt), (held.id, 1), "it is due at once, with all its attempts");
    assert_eq!(again[0].event, held.event, "and tells the same");
    assert_eq!(counts(&world).await, (1, 0), "it is pending again");
    assert!(!world.ledger.revive_event(held.id + 1).await.expect("revive_event"), "an unknown event is not dead");
}

async fn claimers_at_once_never_share_an_event(world: Arc<World>) {
    happen(&world, 30).await;
    let claims = at_once((0..12).map(|_| {
        let world = Arc::clone(&world);
        async move { claim(&world, 4).await }
    }))
    .await;
    let events: Vec<OutboxEvent> = claims.concat();
    let ids: HashSet<i64> = events.iter().map(|event| event.id).collect();
    assert_eq!((events.len(), ids.len()), (30, 30), "every event is handed out, each to one claimer");
}
