//! The timeline's rules, on its pure core, and its races, over the embedded stores.

use super::{
    ResidentIndex, TimelineArgs, TimelineRef, codec,
    core::{MAX_ENTRIES, TimelineCore},
    requests::{OpenFeed, PageRequest, SnapshotChoice},
    resident_index::Registration,
};
use crate::{
    UserKey, restart,
    testing::{Ground, alone, eventually, soon},
};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tessera_domain::{
    AdId, PostId, Timestamp, UserId,
    celebrity::CelebrityRule,
    feed::{Candidate, NOTHING_OLDER, PassedPosts, Source},
    hash::SeededRandom,
    post::PostRef,
    recommendation::Reason,
    stitch::FeedRatios,
    time::HOUR_MS,
};
use tessera_ports::clock;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn post(id: u64) -> PostRef {
    PostRef { post_id: PostId(id), author_id: UserId(id % 7) }
}

fn timeline(ids: impl IntoIterator<Item = u64>) -> TimelineCore {
    let mut core = TimelineCore::default();
    core.merge(ids.into_iter().map(post));
    core
}

fn request(limit: usize) -> OpenFeed {
    OpenFeed {
        pulled: vec![],
        pulled_floor: PostId(0),
        recommended: vec![],
        ads: vec![],
        social_order: Vec::new(),
        below: None,
        ratios: FeedRatios::default(),
        limit,
        include_seen: false,
    }
}

fn from(snapshot: SnapshotChoice, position: u32, limit: usize, include_seen: bool) -> PageRequest {
    PageRequest { snapshot, position, oldest_social: PostId(0), limit, include_seen }
}

fn candidates(ids: impl IntoIterator<Item = u64>, source: Source) -> Vec<Candidate> {
    ids.into_iter().map(|id| Candidate::new(post(id), source.clone())).collect()
}

#[test]
fn posts_come_in_any_order_and_any_number_of_times_and_stay_once_and_newest_first() {
    let seed = std::env::var("TESSERA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122u64);
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    let mut core = TimelineCore::default();
    let mut model = HashSet::new();
    for _ in 0..5_000 {
        let id = random.next_u64() % 3_000;
        core.push(post(id));
        model.insert(id);
    }
    let mut expected: Vec<u64> = model.into_iter().collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    expected.truncate(MAX_ENTRIES);
    assert_eq!(core.entries().map(|entry| entry.post_id.0).collect::<Vec<_>>(), expected);
}

#[test]
fn pages_walk_a_feed_of_500_while_others_post_without_a_double_or_a_gap() {
    let mut core = timeline(1..=500);
    let mut page = core.open(request(50), 1, NOW);
    let mut read: Vec<u64> = Vec::new();
    let mut newest = 500;
    loop {
        read.extend(page.entries.iter().map(|entry| entry.candidate.post_id.0));
        for _ in 0..30 {
            newest += 1;
            core.push(post(newest));
        }
        core.served(&page.entries.iter().map(|entry| entry.candidate.post_id).collect::<Vec<_>>());
        let end = page.position + page.entries.len() as u32;
        if end == page.unseen {
            break;
        }
        page = core.page(from(SnapshotChoice::Id(page.snapshot_id), end, 50, false), NOW).expect("the feed stays open");
    }
    assert_eq!(read, (1..=500).rev().collect::<Vec<_>>());
    let again = core.open(request(100), 2, NOW);
    assert!(again.entries.iter().all(|entry| entry.candidate.post_id.0 > 500), "seen posts do not come back");
}

#[test]
fn when_all_is_seen_the_feed_says_so_and_goes_on_when_asked() {
    let mut core = timeline(1..=80);
    core.served(&(1..=80).map(PostId).collect::<Vec<_>>());
    let page = core.open(request(50), 1, NOW);
    assert!(page.entries.is_empty() && page.unseen == 0 && page.older.next(PostId(0)).is_none());
    let page = core.page(from(SnapshotChoice::Latest, 0, 50, true), NOW).expect("open");
    assert_eq!((page.entries.len(), page.places), (50, 80));
    assert!(page.entries.iter().all(|entry| entry.seen));
}

#[test]
fn pulled_and_pushed_copies_show_once_and_no_source_repeats_another() {
    let mut core = timeline([10, 12, 14]);
    let mut request = request(100);
    request.pulled = candidates([15, 14, 11, 10], Source::Celebrity);
    request.recommended = candidates([14, 99, 98], Source::Recommended(Reason::New));
    request.ads = candidates([10, 77], Source::Ad(AdId(1)));
    let page = core.open(request, 5, NOW);
    let ids: Vec<u64> = page.entries.iter().map(|entry| entry.candidate.post_id.0).collect();
    let unique: HashSet<u64> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    assert!([10, 11, 12, 14, 15, 98, 99].iter().all(|id| unique.contains(id)), "{ids:?}");
}

#[test]
fn followed_posts_come_in_the_order_that_was_asked_for() {
    let mut core = timeline([5, 4, 3, 2]);
    let order = vec![PostId(3), PostId(99), PostId(5)];
    let page = core.open(OpenFeed { social_order: order, ..request(10) }, 1, NOW);
    let ids: Vec<u64> = page.entries.iter().map(|entry| entry.candidate.post_id.0).collect();
    assert_eq!(ids, [3, 5, 4, 2], "those not named follow, newest first");
    core.served(&[PostId(5)]);
    assert_eq!(core.newest_unseen(2).iter().map(|post| post.post_id.0).collect::<Vec<_>>(), [4, 3]);
}

#[test]
fn a_lost_feed_continues_below_what_was_served() {
    let mut core = timeline(1..=300);
    let mut continued = request(100);
    continued.below = Some(PostId(201));
    let page = core.open(continued, 9, NOW);
    assert_eq!(page.entries.first().map(|entry| entry.candidate.post_id.0), Some(200));
}

#[test]
fn a_feed_says_where_the_posts_begin_that_it_does_not_hold() {
    let mut core = timeline(1..=MAX_ENTRIES as u64);
    assert_eq!(core.open(request(1), 1, NOW).older.next(PostId(0)), None, "it holds all there are");
    core.merge((1_001..=1_200).map(post));
    assert!(!core.push(post(200)), "older than what it holds without a gap");
    core.remove(PostId(700));
    assert!(!core.push(post(150)), "still");
    let older = core.open(request(1), 2, NOW).older;
    assert_eq!(older.next(PostId(0)), Some(PostId(201)));

    core.served(&(1..=1_200).map(PostId).collect::<Vec<_>>());
    let seen = core.open(OpenFeed { include_seen: true, ..request(10) }, 3, NOW);
    assert!(seen.entries.is_empty(), "older posts may be unseen, and come before what was seen");
    core.pass_older(PassedPosts { oldest: NOTHING_OLDER, newest: PostId(201) }, NOW);
    let seen = core.open(OpenFeed { include_seen: true, ..request(10) }, 4, NOW);
    assert_eq!((seen.entries.len(), seen.older.next(PostId(0))), (10, None));
    core.merge((1_201..=1_300).map(post));
    assert_eq!(core.open(request(1), 5, NOW).older.next(PostId(0)), None, "what left it since had been seen");
    core.merge((1_301..=2_400).map(post));
    let older = core.open(request(1), 6, NOW).older;
    assert_eq!(older.next(PostId(0)), Some(PostId(1_401)), "some that left it had not");
    assert_eq!(older.next(PostId(1_150)), None);
    let later = NOW.plus_ms(2 * HOUR_MS);
    assert_eq!(core.open(request(1), 7, later).older.next(PostId(1_150)), Some(PostId(1_150)), "looked at again");
}

#[test]
fn celebrities_posts_are_cut_where_older_ones_are_missing() {
    let mut core = timeline([10, 20, 30, 40]);
    let pulled = candidates([35, 25], Source::Celebrity);
    let page = core.open(OpenFeed { pulled, pulled_floor: PostId(25), ..request(10) }, 1, NOW);
    let ids: Vec<u64> = page.entries.iter().map(|entry| entry.candidate.post_id.0).collect();
    assert_eq!((ids, page.older.next(PostId(0))), (vec![40, 35, 30, 25], Some(PostId(25))));
}

#[test]
fn unfollowing_removes_and_memory_is_bounded() {
    let mut core = timeline(1..=3_000);
    core.remove_author(UserId(3));
    assert!(core.entries().all(|entry| entry.author_id != UserId(3)));
    core.served(&(0..50_000).map(PostId).collect::<Vec<_>>());
    for feed in 0..20 {
        core.open(request(10), feed, NOW);
    }
    assert!(core.heap_bytes() < 250_000, "{} bytes", core.heap_bytes());
}

#[test]
fn a_snapshot_reads_back_and_anything_else_is_missing() {
    let mut core = timeline(1..=50);
    core.served(&[PostId(3)]);
    let mut mixed = request(10);
    mixed.recommended = candidates([98], Source::Recommended(Reason::Trending { hashtag: "fog".into() }));
    mixed.ads = candidates([99], Source::Ad(AdId(5)));
    let opened = core.open(mixed, 42, NOW);
    let bytes = codec::encode_snapshot(&core, 7, NOW);
    let snapshot = codec::decode_snapshot(&bytes).expect("reads back");
    assert_eq!(snapshot.entries, core.entries().copied().collect::<Vec<_>>());
    assert_eq!((snapshot.followees_hash, snapshot.feeds.len()), (7, 1));
    let mut restored = TimelineCore::default();
    restored.restore(core.seen().clone(), snapshot.feeds);
    let page = restored.page(from(SnapshotChoice::Id(42), 0, 60, false), NOW).expect("the feed is still open");
    assert_eq!(page.entries[..opened.entries.len()], opened.entries);
    let sources: HashSet<&Source> = page.entries.iter().map(|entry| &entry.candidate.source).collect();
    let reason = Reason::Trending { hashtag: "fog".into() };
    assert_eq!(sources, HashSet::from([&Source::Following, &Source::Recommended(reason), &Source::Ad(AdId(5))]));
    for cut in 0..bytes.len() {
        assert_eq!(codec::decode_snapshot(&bytes[..cut]), None, "cut at {cut}");
    }
    for version in [1, 9] {
        let mut other_version = bytes.to_vec();
        other_version[0] = version;
        assert_eq!(codec::decode_snapshot(&other_version), None, "version {version}");
    }
    let seen = codec::encode_seen(core.seen());
    assert_eq!(seen.first(), Some(&1), "what was seen is still read by the version that wrote it first");
    assert!(codec::decode_seen(&seen).is_some_and(|seen| seen.contains(PostId(3))));
    assert!(seen.len() < 4_000, "a filter that is almost empty is small: {} bytes", seen.len());
}

#[test]
fn a_timeline_that_lets_go_late_does_not_unregister_its_successor() {
    let index = Arc::new(ResidentIndex::default());
    let (author, reader) = (UserId(1), UserId(2));
    let mut old = Registration::new(index.clone(), reader);
    old.add(author);
    let mut new = Registration::new(index.clone(), reader);
    new.add(author);
    drop(old);
    assert_eq!((index.residents_of(author), index.residents_of(reader)), (vec![reader], vec![reader]));
    drop(new);
    assert!(index.is_empty());
}

fn timelines(ground: &Ground) -> TimelineRef {
    let args = TimelineArgs::new(alone(), ground.ledger.clone(), ground.hot.clone(), Arc::default());
    TimelineRef::new(ground.region(args, restart::region(1_024, Duration::ZERO, 1 << 20)))
}

/// What a new feed shows of the timeline, seen or not.
async fn shown(timelines: &TimelineRef, user_id: UserId) -> Vec<PostId> {
    let request = OpenFeed { include_seen: true, ..request(1_000) };
    let page = timelines.open(user_id, request, soon()).await.expect("the timeline answers");
    page.entries.iter().map(|entry| entry.candidate.post_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_from_a_while_as_a_celebrity_are_in_the_timeline_afterwards() {
    let ground = Ground::new().await;
    // Older than what catching up reads again in any case.
    ground.world.advance(-HOUR_MS);
    let (author, reader, other) = (ground.world.user().await, ground.world.user().await, ground.world.user().await);
    let (rule, now) = (CelebrityRule { threshold: 2 }, clock::now());
    ground.ledger.follow(reader, author, now, rule).await.expect("follows");
    let before = ground.world.post(author).await;
    let timelines = timelines(&ground);
    assert_eq!(shown(&timelines, reader).await, [before]);

    ground.ledger.follow(other, author, now, rule).await.expect("follows");
    assert!(ground.world.account(author).await.celebrity);
    assert!(timelines.celebrity_changed(reader, author, true));
    let meanwhile = ground.world.post(author).await;
    timelines.served(reader, vec![before]);
    eventually("the timeline saves itself and leaves", || async {
        timelines.region().sweep(0, 1_024);
        (!timelines.region().is_active(UserKey(reader))).then_some(())
    })
    .await;

    ground.ledger.unfollow(other, author, now, rule).await.expect("unfollows");
    assert!(!ground.world.account(author).await.celebrity);
    assert_eq!(shown(&timelines, reader).await.into_iter().collect::<HashSet<_>>(), HashSet::from([before, meanwhile]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unfollow_overtook_does_not_bring_the_author_back() {
    let ground = Ground::new().await;
    let (author, reader) = (ground.world.user().await, ground.world.user().await);
    ground.world.follow(reader, author).await;
    let post_id = ground.world.post(author).await;
    let timelines = timelines(&ground);
    assert_eq!(shown(&timelines, reader).await, [post_id]);
    ground.world.unfollow(reader, author).await;
    timelines.follow_changed(reader, author, false, soon()).await.expect("the timeline hears of it");
    // Both were on their way when the user unfollowed.
    assert!(timelines.celebrity_changed(reader, author, false));
    assert!(timelines.push(reader, PostRef { post_id, author_id: author }));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(shown(&timelines, reader).await, []);
}
