//! Entities that are left behind by who watches over them.

use super::*;
use crate::EntitySabotage;

const LONG: Duration = Duration::from_secs(600);

async fn add(region: &Region<Counting>, key: Key) -> Result<u64, AskError> {
    region.ask(key, soon(), Add).await
}

async fn add_in_vain(region: &Region<Counting>, key: Key, deadline: Deadline) -> AskError {
    region.ask(key, deadline, Add).await.expect_err("no answer")
}

/// For what ends at its deadline only.
fn very_soon() -> Deadline {
    Deadline::after(Duration::from_millis(50))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_entity_whose_thread_is_stuck_is_left_behind_and_what_it_does_later_counts_nowhere() {
    let region = region(|_| {}).await;
    let stuck = {
        let region = region.clone();
        tokio::spawn(async move { region.ask(Key(1), soon(), Slow(Duration::from_secs(1))).await })
    };
    while region.vitals(Key(1)).is_none_or(|vitals| vitals.waiting == 0) {
        tokio::task::yield_now().await;
    }
    let before = region.vitals(Key(1)).expect("it is in memory");
    assert_eq!(add_in_vain(&region, Key(1), very_soon()).await, AskError::Expired { kind: "counting" });
    let after = region.vitals(Key(1)).expect("it is in memory");
    assert_eq!((after.activation, after.handled, after.waiting), (before.activation, 0, 2), "it stands still");
    assert!(region.restart(Key(1)));
    assert_eq!(add(&region, Key(1)).await, Ok(1));
    assert_ne!(region.vitals(Key(1)).expect("the new one").activation, before.activation);
    // The old one comes to itself.
    let _ = stuck.await.expect("joins");
    assert_eq!(add(&region, Key(1)).await, Ok(2));
    let stats = region.stats();
    assert_eq!((stats.active, stats.restarts, stats.heap_bytes), (1, 1, 1_000));
    assert!(!region.restart(Key(2)), "it is not in memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn sabotage_ends_with_a_restart() {
    let region = region(|settings| settings.mailbox_capacity = 4).await;
    assert!(!region.sabotage(Key(3), EntitySabotage::Hang(LONG)), "it is not in memory");
    let expected = [
        (EntitySabotage::Hang(LONG), very_soon as fn() -> Deadline, AskError::Expired { kind: "counting" }),
        (EntitySabotage::Panic(LONG), soon, AskError::Restarted { kind: "counting" }),
        (EntitySabotage::Flood(LONG), soon, AskError::Overloaded { kind: "counting" }),
    ];
    for (how, deadline, error) in expected {
        add(&region, Key(3)).await.expect("it is well");
        assert!(region.sabotage(Key(3), how));
        assert_eq!(add_in_vain(&region, Key(3), deadline()).await, error, "{how:?}");
        assert!(region.restart(Key(3)));
        assert_eq!(add(&region, Key(3)).await, Ok(1), "{how:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_entities_are_left_behind_and_served_anew() {
    let region = region(|_| {}).await;
    for key in 0..50 {
        add(&region, Key(key)).await.expect("an answer");
        assert!(region.sabotage(Key(key), EntitySabotage::Hang(LONG)));
    }
    assert_eq!(region.restart_all(), 50);
    assert_eq!((region.stats().active, region.stats().heap_bytes), (0, 0));
    for key in 0..50 {
        assert_eq!(add(&region, Key(key)).await, Ok(1));
    }
}
