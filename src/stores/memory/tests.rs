//! The conformance suite, the byte budget and lifetimes; and the fault wrapper over a real adapter.

use super::*;
use tessera_domain::media::{MediaDetails, MediaKind, MediaRecord};
use tessera_ports::Determinacy;
use tessera_ports_testing::{
    conformance,
    faults::{FateOutcome, FaultPlan, Faults, Faulty, InjectedFaults},
};

const ROOM_BYTES: u64 = 16 * 1_024 * 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_hot_stores_guarantees() {
    conformance::hot_store(|| async { Arc::new(MemoryHotStore::new(ROOM_BYTES)) as Arc<dyn HotStore> }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_them_behind_a_wrapper_that_only_delays() {
    conformance::hot_store(|| async {
        let plan = FaultPlan { delay_rate: 0.5, max_delay: Duration::from_millis(3), ..FaultPlan::quiet(7) };
        Arc::new(Faulty::new(Arc::new(MemoryHotStore::new(ROOM_BYTES)), Faults::new(plan))) as Arc<dyn HotStore>
    })
    .await;
}

#[tokio::test]
async fn it_stays_within_its_byte_budget() {
    let store = MemoryHotStore::new(1_000_000);
    for number in 0..1_000 {
        store.put_timeline(UserId(number), Bytes::from(vec![0; 10_000])).await.expect("put_timeline");
    }
    let size_bytes = store.size_bytes().await;
    assert!((500_000..=1_000_000).contains(&size_bytes), "{size_bytes} bytes after 10 MB were put in");
    store.put_timeline(UserId(1), Bytes::from(vec![0; 2_000_000])).await.expect("put_timeline");
    assert!(store.size_bytes().await <= 1_000_000, "an entry larger than all of it does not stay");
}

fn post(hashtags: usize) -> Post {
    Post {
        id: PostId(1),
        author_id: UserId(2),
        caption: "x".repeat(2_000),
        alt_text: String::new(),
        hashtags: vec!["tag".to_owned(); hashtags],
        media: MediaRecord {
            kind: MediaKind::Image,
            upload_id: "00000000-0000-7000-8000-000000000001".parse().expect("a UUID"),
            blurhash: String::new(),
            width: 1,
            height: 1,
            details: MediaDetails::default(),
        },
        edited_at: None,
    }
}

#[test]
fn entries_weigh_what_they_hold_and_live_as_long_as_promised() {
    let row = ShardCounts { shard: 0, version: 1, likes: 1, comments: 0 };
    let mut mirror = Mirror::default();
    mirror.update(&[row]);
    assert_eq!(Value::Counts(mirror.clone()).time_to_live(), UNFILLED_TTL);
    mirror.fill(&[]);
    assert_eq!(Value::Counts(mirror.clone()).time_to_live(), POST_TTL);
    assert_eq!(mirror.totals(), Some(Counts { likes: 1, comments: 0 }));

    let copy = Value::Post(Arc::new(post(30)));
    assert_eq!(copy.time_to_live(), POST_TTL);
    assert!(copy.size_bytes() > 2_000 + 30 * 3, "{}", copy.size_bytes());
    let snapshot = Value::Timeline(Bytes::from_static(b"12345"));
    assert_eq!((snapshot.time_to_live(), snapshot.size_bytes()), (TIMELINE_TTL, 5));
    assert_eq!(
        LifeOfValue.expire_after_update(&Key::Timeline(UserId(1)), &snapshot, Instant::now(), None),
        Some(TIMELINE_TTL)
    );
    assert_eq!(Value::Progress(5).time_to_live(), PROGRESS_TTL);
}

#[tokio::test]
async fn negative_totals_of_a_damaged_ledger_show_as_zero() {
    let store = MemoryHotStore::new(ROOM_BYTES);
    let row = ShardCounts { shard: 0, version: 1, likes: -3, comments: 2 };
    store.fill_counts(PostId(1), &[row]).await.expect("fill_counts");
    let counts = store.counts(&[PostId(1)]).await.expect("counts");
    assert_eq!(counts, [Some(Counts { likes: 0, comments: 2 })]);
}

/// Puts 400 snapshots through `plan`; gives per call whether it was acknowledged, what the error said of
/// the write, and whether the write is there.
async fn storm(plan: FaultPlan) -> (Vec<(Option<Determinacy>, bool)>, InjectedFaults) {
    let inner = Arc::new(MemoryHotStore::new(ROOM_BYTES));
    let faulty = Faulty::new(Arc::clone(&inner), Faults::new(plan));
    let mut seen = Vec::new();
    for number in 0..400 {
        let answer = faulty.put_timeline(UserId(number), Bytes::from_static(b"x")).await;
        let there = inner.timeline(UserId(number)).await.expect("timeline").is_some();
        if let Err(error) = &answer {
            assert!(error.is_transient(), "{error}");
        }
        seen.push((answer.err().map(|error| error.determinacy()), there));
    }
    (seen, faulty.decorator().injected())
}

#[tokio::test]
async fn faults_of_both_kinds_are_injected_and_say_the_truth() {
    let plan = FaultPlan { before_rate: 0.2, after_rate: 0.2, ..FaultPlan::quiet(42) };
    let (seen, injected) = storm(plan).await;
    let count = |wanted| seen.iter().filter(|call| **call == wanted).count() as u64;
    let (before, after) = (count((Some(Determinacy::NotDone), false)), count((Some(Determinacy::Unknown), true)));
    assert_eq!(before + after + count((None, true)), 400, "NotDone is not there, Unknown and Ok are");
    assert_eq!(injected, InjectedFaults { before, after, delayed: 0 });
    for share in [before, after] {
        assert!((50..=110).contains(&share), "about a fifth of 400: {share}");
    }
}

#[tokio::test]
async fn faults_are_replayable_by_their_seed() {
    let plan = FaultPlan { before_rate: 0.2, after_rate: 0.2, ..FaultPlan::quiet(42) };
    assert_eq!(storm(plan).await, storm(plan).await);
    assert_ne!(storm(plan).await.0, storm(FaultPlan { seed: 43, ..plan }).await.0);
}

#[tokio::test]
async fn a_methods_fate_does_not_depend_on_other_methods() {
    let plan = FaultPlan { before_rate: 0.3, ..FaultPlan::quiet(9) };
    let faulty = Faulty::new(Arc::new(MemoryHotStore::new(ROOM_BYTES)), Faults::new(plan));
    for number in 0..100 {
        let failed = faulty.put_timeline(UserId(1), Bytes::new()).await.is_err();
        assert_eq!(failed, plan.fate("put_timeline", number).outcome == FateOutcome::FailsBefore, "call {number}");
        for _ in 0..number % 3 {
            let _ = faulty.timeline(UserId(1)).await;
        }
    }
}

#[tokio::test]
async fn faults_are_turned_on_and_off_while_running() {
    let plan = FaultPlan { before_rate: 1.0, ..FaultPlan::quiet(1) };
    let faulty = Faulty::new(Arc::new(MemoryHotStore::new(ROOM_BYTES)), Faults::new(plan));
    assert!(faulty.check().await.is_err());
    faulty.decorator().set_enabled(false);
    assert!(faulty.check().await.is_ok());
    faulty.decorator().set_enabled(true);
    assert!(faulty.check().await.is_err());
    assert_eq!(faulty.decorator().injected().before, 2);
}

#[tokio::test]
async fn delays_keep_to_their_bound() {
    let max_delay = Duration::from_millis(4);
    let plan = FaultPlan { delay_rate: 0.5, max_delay, ..FaultPlan::quiet(3) };
    let faulty = Faulty::new(Arc::new(MemoryHotStore::new(ROOM_BYTES)), Faults::new(plan));
    let mut late = 0;
    for number in 0..100 {
        let fate = plan.fate("check", number);
        assert!(fate.delay <= max_delay, "{:?}", fate.delay);
        let start = Instant::now();
        faulty.check().await.expect("a delay is no failure");
        assert!(start.elapsed() >= fate.delay, "{:?} of {:?}", start.elapsed(), fate.delay);
        late += u64::from(!fate.delay.is_zero());
    }
    assert_eq!(late, faulty.decorator().injected().delayed);
    assert!((30..=70).contains(&late), "about half: {late}");
}
