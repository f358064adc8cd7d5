//! The core of what is popular, and the entity through its reference over a real ledger.

use super::{
    PopularArgs, PopularRef, PopularSettings,
    core::{Change, LedgerView, PopularCore},
};
use crate::testing::{Ground, alone, eventually, soon};
use std::sync::Arc;
use tessera_domain::{
    PostId, Timestamp, UserId,
    counters::CounterOperation,
    ids::ID_EPOCH_MS,
    post::PostRef,
    time::{DAY_MS, HOUR_MS},
};
use tessera_ports::{
    Ledger,
    ledger::{EngagementHour, ProfileChange},
};
use tessera_ports_testing::faults::{FaultPlan, Faults, Faulty};

const NOW: Timestamp = Timestamp(ID_EPOCH_MS + 100 * DAY_MS);

fn post(age_ms: i64, number: u64) -> PostRef {
    PostRef { post_id: PostId(PostId::first_at(NOW.plus_ms(-age_ms)).0 + number), author_id: UserId(number) }
}

fn ids(top: &[(PostRef, f64)]) -> Vec<u64> {
    top.iter().map(|(post, _)| post.author_id.0).collect()
}

fn like(post: PostRef, weight: f64) -> Change {
    Change::Engaged { post, weight, at: NOW }
}

#[test]
fn newer_engagement_wins_and_fresh_posts_surface() {
    let mut core = PopularCore::new();
    core.load_began();
    let hour = |post, ago: i64, engagements| EngagementHour { post, hour: NOW.plus_ms(-ago * HOUR_MS), engagements };
    let (strong, faded, quiet, old) = (post(HOUR_MS, 1), post(20 * HOUR_MS, 2), post(HOUR_MS, 3), post(DAY_MS + 1, 4));
    let engagement = vec![hour(faded, 19, 12), hour(strong, 1, 9), hour(old, 1, 100)];
    core.loaded(LedgerView { engagement, newest: vec![strong, quiet], hashtags: vec![] }, NOW);
    assert_eq!(ids(&core.top(10, NOW)), [1, 2, 3], "old posts are left out, quiet ones are not");
    assert_eq!(ids(&core.top(2, NOW)), [1, 2]);
    let later = NOW.plus_ms(5 * HOUR_MS);
    assert_eq!(ids(&core.top(10, later)), [1, 3], "a post leaves when it is 24 hours old");
}

#[test]
fn changes_show_soon_and_removals_at_once() {
    let mut core = PopularCore::new();
    let (a, b) = (post(10, 1), post(20, 2));
    core.change(like(a, 1.0), NOW);
    core.change(like(b, 2.0), NOW);
    assert_eq!(ids(&core.top(10, NOW)), [2, 1]);
    core.change(like(a, 5.0), NOW);
    assert_eq!(ids(&core.top(10, NOW)), [2, 1], "a fresh ranking is kept");
    assert_eq!(ids(&core.top(10, NOW.plus_ms(250))), [1, 2]);
    core.change(Change::Removed(a.post_id), NOW);
    assert_eq!(ids(&core.top(10, NOW.plus_ms(250))), [2]);
    core.change(like(b, -2.0), NOW);
    assert!(core.top(10, NOW.plus_ms(1_000)).is_empty(), "what was taken back is not popular");
}

#[test]
fn what_is_told_during_a_load_survives_it() {
    let mut core = PopularCore::new();
    let (known, gone, new) = (post(HOUR_MS, 1), post(HOUR_MS, 2), post(0, 3));
    core.load_began();
    core.change(Change::Removed(gone.post_id), NOW);
    core.change(Change::Created(new), NOW);
    core.change(Change::Created(known), NOW);
    core.loaded(LedgerView { engagement: vec![], newest: vec![known, gone], hashtags: vec![] }, NOW);
    let top = core.top(10, NOW);
    assert_eq!(ids(&top), [3, 1]);
    assert!(top.iter().all(|(_, score)| *score <= 0.5), "a new post starts once: {top:?}");
    core.load_began();
    core.load_failed();
    assert_eq!(ids(&core.top(10, NOW)), [3, 1], "a failed load changes nothing");
}

#[test]
fn memory_is_bounded() {
    let mut core = PopularCore::new();
    for number in 0..60_000 {
        core.change(like(post(number as i64, number), 1.0 + number as f64 / 60_000.0), NOW);
    }
    assert!(core.heap_bytes() < 2_000_000, "{}", core.heap_bytes());
    assert_eq!(core.top(5_000, NOW).len(), 1_000);
}

fn popular(ground: &Ground, ledger: Arc<dyn Ledger>) -> PopularRef {
    let args = PopularArgs { ledger, settings: PopularSettings::default() };
    PopularRef::new(alone(), ground.region(args, super::region_settings()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_ask_waits_for_the_ledger_and_private_accounts_stay_out() {
    let ground = Ground::new().await;
    let users = ground.world.users(4).await;
    let (quiet, liked) = (ground.world.post(users[0]).await, ground.world.post(users[1]).await);
    let hidden = ground.world.post(users[2]).await;
    let change = ProfileChange { private: Some(true), ..ProfileChange::default() };
    ground.ledger.update_profile(users[2], change).await.expect("the profile changes");
    for post_id in [liked, hidden] {
        ground.world.apply(post_id, 0, &[CounterOperation::Like { user_id: users[3] }]).await;
    }
    let popular = popular(&ground, ground.ledger.clone());
    let ids = |top: Vec<(PostRef, f64)>| top.into_iter().map(|(post, _)| post.post_id).collect::<Vec<_>>();
    assert_eq!(ids(popular.top(10, soon()).await.expect("a list")), [liked, quiet]);
    let now = tessera_ports::clock::now();
    popular.engaged(PostRef { post_id: quiet, author_id: users[0] }, 5.0, now);
    popular.removed(liked);
    eventually("the list follows what it is told", || async {
        (ids(popular.top(10, soon()).await.expect("a list")) == [quiet]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_loaded_callers_hear_it_at_once() {
    let ground = Ground::new().await;
    let plan = FaultPlan { before_rate: 1.0, ..FaultPlan::quiet(1) };
    let faulty = Arc::new(Faulty::new(ground.ledger.clone(), Faults::new(plan)));
    let popular = popular(&ground, faulty.clone());
    assert!(popular.top(10, soon()).await.is_err());
    faulty.decorator().set_enabled(false);
    eventually("it recovers by itself", || async { popular.top(10, soon()).await.ok() }).await;
}
