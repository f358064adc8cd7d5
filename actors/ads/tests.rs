//! The core of the ads, and the entity through its reference over a real ledger.

use super::{
    AdsArgs, AdsRef, AdsSettings,
    core::{AdsCore, Choice, Question, WAITING_IMPRESSIONS},
};
use crate::testing::{Ground, alone, eventually, soon};
use tessera_domain::{AdId, PostId, Timestamp, UserId, ads::Ad, post::PostRef, time::DAY_MS};
use tessera_ports::{
    clock,
    ledger::{AdImpressions, AdSpend},
};

const NOON: Timestamp = Timestamp(20_000 * DAY_MS + DAY_MS / 2);
const ADA: UserId = UserId(1);

fn spend(id: u64, daily_budget: u64, frequency_cap: u32, impressions_today: u64) -> AdSpend {
    let post = PostRef { post_id: PostId(id), author_id: UserId(99) };
    let (starts_at, ends_at) = (NOON.plus_ms(-DAY_MS), NOON.plus_ms(2 * DAY_MS));
    let ad = Ad { id: AdId(id), post_id: post.post_id, starts_at, ends_at, daily_budget, frequency_cap };
    AdSpend { ad, post, impressions_today }
}

fn core(spends: Vec<AdSpend>) -> AdsCore {
    let mut core = AdsCore::default();
    core.refresh_began(NOON);
    core.refreshed(spends, NOON);
    core
}

fn question(core: &mut AdsCore, now: Timestamp) -> Question {
    match core.ask(ADA, 10, now) {
        Choice::Read(question) => question,
        Choice::Nothing => panic!("there are ads"),
    }
}

fn candidates(core: &mut AdsCore, seen: &[(u64, u32)], now: Timestamp) -> Vec<u64> {
    let question = question(core, now);
    let row = |(ad, count): &(u64, u32)| AdImpressions { ad_id: AdId(*ad), user_id: ADA, count: *count };
    let seen: Vec<_> = seen.iter().map(row).collect();
    core.choose(&question, &seen, now).iter().map(|candidate| candidate.ad_id.0).collect()
}

#[test]
fn what_other_nodes_showed_counts_until_the_ledger_tells_it() {
    let mut core = core(vec![spend(1, 3, 2, 0)]);
    core.shown_elsewhere(ADA, AdId(1), NOON);
    core.shown_elsewhere(ADA, AdId(1), NOON);
    let ask = |core: &mut AdsCore, user_id, now| match core.ask(user_id, 5, now) {
        Choice::Nothing => None,
        Choice::Read(question) => Some(core.choose(&question, &[], now).len()),
    };
    assert_eq!(ask(&mut core, ADA, NOON), Some(0), "her cap is reached");
    assert_eq!(ask(&mut core, UserId(2), NOON), Some(1));
    core.shown_elsewhere(UserId(2), AdId(1), NOON);
    assert_eq!(ask(&mut core, UserId(3), NOON), None, "the budget is spent");
    // A read that may have missed them does not bring the budget back; one that began later knows them all.
    core.refresh_began(NOON.plus_ms(100));
    core.refreshed(vec![spend(1, 3, 2, 1)], NOON.plus_ms(100));
    assert_eq!(ask(&mut core, UserId(3), NOON.plus_ms(100)), None);
    core.refresh_began(NOON.plus_ms(2_000));
    core.refreshed(vec![spend(1, 3, 2, 2)], NOON.plus_ms(2_000));
    assert_eq!(ask(&mut core, UserId(3), NOON.plus_ms(2_000)), Some(1));
}

#[test]
fn without_a_showable_ad_nothing_is_read() {
    assert_eq!(core(vec![]).ask(ADA, 10, NOON), Choice::Nothing);
    assert_eq!(core(vec![spend(1, 5, 1, 5)]).ask(ADA, 10, NOON), Choice::Nothing, "the budget is spent");
    assert_eq!(core(vec![spend(1, 5, 1, 0)]).ask(ADA, 0, NOON), Choice::Nothing);
    let over = NOON.plus_ms(3 * DAY_MS);
    assert_eq!(core(vec![spend(1, 5, 1, 0)]).ask(ADA, 10, over), Choice::Nothing, "the window is closed");
}

#[test]
fn the_furthest_behind_its_schedule_comes_first() {
    let mut core = core(vec![spend(1, 100, 9, 50), spend(2, 100, 9, 20), spend(3, 10, 9, 9), spend(4, 100, 9, 20)]);
    assert_eq!(candidates(&mut core, &[], NOON), [2, 4, 1, 3]);
    assert!(core.shown(ADA, AdId(3), NOON));
    assert_eq!(candidates(&mut core, &[], NOON), [2, 4, 1], "what is not flushed yet counts against the budget");
}

#[test]
fn caps_count_what_the_ledger_knows_and_what_it_does_not() {
    let mut core = core(vec![spend(1, 100, 3, 0), spend(2, 100, 3, 0)]);
    assert_eq!(candidates(&mut core, &[(1, 3), (2, 2)], NOON), [2]);
    core.shown(ADA, AdId(2), NOON);
    assert!(candidates(&mut core, &[(1, 3), (2, 2)], NOON).is_empty());
    // A flush that ends between the read and its arrival must not make an impression vanish.
    let early = question(&mut core, NOON);
    assert!(core.flush().is_some());
    core.flushed(true);
    let seen = |count| [AdImpressions { ad_id: AdId(2), user_id: ADA, count }];
    let ids = |list: Vec<super::AdCandidate>| list.iter().map(|ad| ad.ad_id.0).collect::<Vec<_>>();
    assert_eq!(ids(core.choose(&early, &seen(2), NOON)), [1]);
}

#[test]
fn a_refresh_that_races_impressions_never_undercounts() {
    let mut core = core(vec![spend(1, 3, 9, 0)]);
    core.shown(ADA, AdId(1), NOON);
    core.refresh_began(NOON);
    core.shown(ADA, AdId(1), NOON);
    core.shown(UserId(2), AdId(1), NOON);
    core.refreshed(vec![spend(1, 3, 9, 0)], NOON);
    assert_eq!(core.ask(ADA, 10, NOON), Choice::Nothing, "three of three are spent");
    while core.flush().is_some() {
        core.flushed(true);
    }
    core.refresh_began(NOON);
    core.refreshed(vec![spend(1, 4, 9, 3)], NOON);
    assert_eq!(candidates(&mut core, &[], NOON), [1], "flushed impressions count once after the next read");
}

#[test]
fn midnight_gives_new_budgets_and_flushes_go_to_their_own_day() {
    let mut core = core(vec![spend(1, 1, 1, 1)]);
    core.shown(ADA, AdId(1), NOON);
    let tomorrow = NOON.plus_ms(DAY_MS);
    assert_eq!(candidates(&mut core, &[], tomorrow), [1]);
    core.shown(ADA, AdId(1), tomorrow);
    assert_eq!(core.ask(ADA, 10, tomorrow), Choice::Nothing);
    let first = core.flush().expect("something waits");
    assert_eq!((first.day, first.impressions.len()), (NOON.utc_day(), 1));
    assert!(core.flush().is_none(), "one write at a time");
    core.flushed(false);
    assert_eq!(core.flush().expect("tried again").day, NOON.utc_day());
    core.flushed(true);
    assert_eq!(core.flush().expect("the next day's").day, tomorrow.utc_day());
    core.flushed(true);
    assert!(core.is_flushed());
}

#[test]
fn memory_and_writes_are_bounded() {
    let mut core = core(vec![spend(1, u64::MAX, 9, 0)]);
    let shown = (0..WAITING_IMPRESSIONS as u64 + 5).filter(|user| core.shown(UserId(*user), AdId(1), NOON)).count();
    assert_eq!(shown, WAITING_IMPRESSIONS);
    assert_eq!(core.flush().map(|flush| flush.impressions.len()), Some(1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn impressions_reach_the_ledger_and_the_cap_holds() {
    let ground = Ground::new().await;
    let users = ground.world.users(2).await;
    let post_id = ground.world.post(users[0]).await;
    let args = AdsArgs::new(&ground.ledger, AdsSettings::default());
    let ads = AdsRef::new(alone(), ground.region(args, super::region_settings()));
    assert!(ads.candidates(users[1], 5, soon()).await.expect("answers").is_empty());
    let now = clock::now();
    let window = (now.plus_ms(-1_000), now.plus_ms(DAY_MS));
    let ad = Ad { id: AdId(1), post_id, starts_at: window.0, ends_at: window.1, daily_budget: 100, frequency_cap: 2 };
    assert!(ground.ledger.put_ad(ad).await.expect("stored"));
    ads.refresh();
    let candidates = eventually("the new campaign shows", || async {
        Some(ads.candidates(users[1], 5, soon()).await.expect("answers")).filter(|found| !found.is_empty())
    })
    .await;
    assert_eq!(candidates[0].post, PostRef { post_id, author_id: users[0] });
    ads.shown(users[1], vec![AdId(1)]);
    ads.shown(users[1], vec![AdId(1)]);
    assert!(ads.candidates(users[1], 5, soon()).await.expect("answers").is_empty(), "the cap holds at once");
    assert_eq!(ads.candidates(users[0], 5, soon()).await.expect("answers").len(), 1, "others still see it");
    ads.flush(soon()).await.expect("flushed");
    let stored = ground.ledger.impressions_of(users[1], clock::now().utc_day()).await.expect("read");
    assert_eq!(stored, [AdImpressions { ad_id: AdId(1), user_id: users[1], count: 2 }]);
    assert!(ads.candidates(users[1], 5, soon()).await.expect("answers").is_empty());
}
