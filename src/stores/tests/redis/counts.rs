//! Counter mirrors are right or missing, whatever happens to Redis.

use crate::{answers_again, connect, counted, fill, likes, patient, row};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::{PostId, counters::ShardCounts};
use tessera_ports::HotStore;
use tessera_stores::redis::{RedisHotStore, RedisOptions};
use tessera_test_servers::{Redis, RedisCluster, RedisSentinel};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_while_redis_was_away_reaches_mirrors_that_lived_on() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions::new(server.url())).await;
    answers_again(&store).await;
    fill(&store, 1, &[row(0, 1), row(1, 1)]).await;
    server.pause();
    for version in 2..=50 {
        store.update_counts(PostId(1), &[row(0, version)]).await.expect_err("it hangs");
    }
    server.go_on();
    answers_again(&store).await;
    let started = Instant::now();
    while counted(&store, 1).await != likes(51) {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", counted(&store, 1).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A caller that gives up loses nothing either.
    server.pause();
    let rows = [row(1, 2)];
    let update = store.update_counts(PostId(1), &rows);
    tokio::time::timeout(Duration::from_millis(5), update).await.expect_err("it hangs");
    server.go_on();
    let started = Instant::now();
    while store.counts(&[PostId(1)]).await.ok() != Some(vec![likes(52)]) {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", store.counts(&[PostId(1)]).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_from_before_a_flush_comes_to_nothing() {
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    // A reader asks and reads version 1; version 2 is counted; everything is flushed; the reader fills.
    assert_eq!(counted(&store, 1).await, None);
    store.update_counts(PostId(1), &[row(0, 2)]).await.expect("update_counts");
    server.flush_all();
    store.fill_counts(PostId(1), &[row(0, 1)]).await.expect("fill_counts");
    assert_eq!(counted(&store, 1).await, None, "rather missing than wrong");
    fill(&store, 1, &[row(0, 2)]).await;
    assert_eq!(counted(&store, 1).await, likes(2));
}

const SHARDS: u16 = 4;

/// The ledger's rows of one post.
type Ledger = Arc<parking_lot::Mutex<Vec<ShardCounts>>>;

/// Counts and fills as nodes do, while `disturb` does its worst; then no mirror tells anything but the truth.
async fn counts_are_never_wrong(stores: &[Arc<RedisHotStore>], rounds: u64, mut disturb: impl FnMut(u64)) {
    let mut filled = 0;
    for round in 0..rounds {
        let ledger: Ledger = Arc::new(parking_lot::Mutex::new((0..SHARDS).map(|shard| row(shard, 0)).collect()));
        let mut work = Vec::new();
        for (number, store) in (0..SHARDS).zip(stores.iter().cycle()) {
            let (writer, reader) = (Arc::clone(store), Arc::clone(store));
            let (truth, seen) = (Arc::clone(&ledger), Arc::clone(&ledger));
            work.push(tokio::spawn(async move {
                for version in 1..=60 {
                    truth.lock()[usize::from(number)] = row(number, version);
                    let _ = writer.update_counts(PostId(round), &[row(number, version)]).await;
                }
            }));
            work.push(tokio::spawn(async move {
                for _ in 0..40 {
                    if reader.counts(&[PostId(round)]).await.is_ok_and(|counts| counts[0].is_none()) {
                        let rows = seen.lock().clone();
                        tokio::time::sleep(Duration::from_millis(rand::random_range(0..3))).await;
                        let _ = reader.fill_counts(PostId(round), &rows).await;
                    }
                }
            }));
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..20))).await;
        disturb(round);
        for task in work {
            task.await.expect("no panic");
        }
        for store in stores {
            answers_again(store).await;
            let counts = counted(store, round).await;
            filled += usize::from(counts.is_some());
            assert!(counts.is_none() || counts == likes(60 * u64::from(SHARDS)), "round {round}: {counts:?}");
        }
    }
    assert!(filled > 0, "some mirrors came through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_amid_updates_leaves_no_wrong_count() {
    let server = Redis::start(&[]);
    let stores = [connect(patient(server.url())).await, connect(patient(server.url())).await];
    counts_are_never_wrong(&stores, 60, |_| server.flush_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_of_cluster_nodes_amid_updates_leaves_no_wrong_count() {
    let servers = RedisCluster::start(3, &[]);
    let stores = [connect(patient(servers.url())).await, connect(patient(servers.url())).await];
    counts_are_never_wrong(&stores, 30, |_| servers.flush_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failover_is_survived_without_a_wrong_count() {
    let mut servers = RedisSentinel::start(&[]);
    let stores = [connect(patient(servers.url())).await, connect(patient(servers.url())).await];
    let before = servers.master_port();
    counts_are_never_wrong(&stores, 3, |round| {
        if round == 1 {
            servers.master().kill();
        }
    })
    .await;
    assert_ne!(servers.master_port(), before, "the replica was promoted");
}
