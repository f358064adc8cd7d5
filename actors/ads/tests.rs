//! The core of the ads.

use super::core::{AdsCore, Choice, Question, WAITING_IMPRESSIONS};
use tessera_domain::{AdId, PostId, Timestamp, UserId, ads::Ad, post::PostRef, time::DAY_MS};
use tessera_ports::ledger::{AdImpressions, AdSpend};

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
