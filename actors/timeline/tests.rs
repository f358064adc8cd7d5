//! The timeline's rules, on its pure core.

use super::{
    codec,
    core::{MAX_ENTRIES, TimelineCore},
    message::{OpenFeed, PageRequest, SnapshotChoice},
};
use std::collections::HashSet;
use tessera_domain::{
    PostId, Timestamp, UserId,
    feed::{Candidate, Source},
    hash::SeededRandom,
    post::PostRef,
    stitch::FeedRatios,
};

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
        recommended: vec![],
        ads: vec![],
        below: None,
        ratios: FeedRatios::default(),
        limit,
        include_seen: false,
    }
}

fn candidates(ids: impl IntoIterator<Item = u64>, source: Source) -> Vec<Candidate> {
    ids.into_iter().map(|id| Candidate { post_id: PostId(id), author_id: UserId(id % 7), source }).collect()
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
        if !page.more {
            break;
        }
        let next = PageRequest {
            snapshot: SnapshotChoice::Id(page.snapshot_id),
            position: page.next_position,
            limit: 50,
            include_seen: false,
        };
        page = core.page(next, NOW).expect("the feed stays open");
    }
    assert_eq!(read, (1..=500).rev().collect::<Vec<_>>());
    assert!(page.caught_up);
    let again = core.open(request(100), 2, NOW);
    assert!(again.entries.iter().all(|entry| entry.candidate.post_id.0 > 500), "seen posts do not come back");
}

#[test]
fn when_all_is_seen_the_feed_says_so_and_goes_on_when_asked() {
    let mut core = timeline(1..=80);
    core.served(&(1..=80).map(PostId).collect::<Vec<_>>());
    let page = core.open(request(50), 1, NOW);
    assert!(page.entries.is_empty() && page.caught_up && !page.more);
    let next = PageRequest { snapshot: SnapshotChoice::Latest, position: 0, limit: 50, include_seen: true };
    let page = core.page(next, NOW).expect("open");
    assert_eq!(page.entries.len(), 50);
    assert!(page.entries.iter().all(|entry| entry.seen) && page.more);
}

#[test]
fn pulled_and_pushed_copies_show_once_and_no_source_repeats_another() {
    let mut core = timeline([10, 12, 14]);
    let mut request = request(100);
    request.pulled = candidates([15, 14, 11, 10], Source::Celebrity);
    request.recommended = candidates([14, 99, 98], Source::Recommended);
    request.ads = candidates([10, 77], Source::Ad);
    let page = core.open(request, 5, NOW);
    let ids: Vec<u64> = page.entries.iter().map(|entry| entry.candidate.post_id.0).collect();
    let unique: HashSet<u64> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    assert!([10, 11, 12, 14, 15, 98, 99].iter().all(|id| unique.contains(id)), "{ids:?}");
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
    core.open(request(10), 42, NOW);
    let bytes = codec::encode_snapshot(&core, 7, NOW);
    let snapshot = codec::decode_snapshot(&bytes).expect("reads back");
    assert_eq!(snapshot.entries, core.entries().copied().collect::<Vec<_>>());
    assert_eq!((snapshot.followees_hash, snapshot.feeds.len()), (7, 1));
    for cut in 0..bytes.len() {
        assert_eq!(codec::decode_snapshot(&bytes[..cut]), None, "cut at {cut}");
    }
    let mut other_version = bytes.to_vec();
    other_version[0] = 9;
    assert_eq!(codec::decode_snapshot(&other_version), None);
    let seen = codec::encode_seen(core.seen());
    assert!(codec::decode_seen(&seen).is_some_and(|seen| seen.contains(PostId(3))));
    assert!(seen.len() < 4_000, "a filter that is almost empty is small: {} bytes", seen.len());
}
