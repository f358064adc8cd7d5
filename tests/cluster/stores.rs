//! The servers under a cluster fail: Redis forgets and dies, Postgres restarts, S3 is away. Nothing acknowledged is
//! lost, and everything recovers without help.

use std::time::{Duration, Instant};
use tessera_tests::{
    cluster::Cluster,
    load::{Load, Mix, check},
    seeds,
};
use tokio::task::block_in_place;

fn apis(cluster: &Cluster) -> Vec<tessera_tests::Api> {
    cluster.nodes.iter().map(|node| node.api()).collect()
}

/// Waits until requests succeed for a while.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_forgets_and_dies_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let load = Load::prepare(&cluster.api(), seeds(&[71])[0], 24, 30.0).await;
    let running = load.start();
    let start = Instant::now();
    settle().await;
    block_in_place(|| cluster.redis.flush_all());
    settle().await;
    block_in_place(|| cluster.redis.kill());
    tokio::time::sleep(Duration::from_secs(6)).await;
    block_in_place(|| cluster.redis.start_again());
    settle().await;
    block_in_place(|| cluster.redis.pause());
    tokio::time::sleep(Duration::from_secs(6)).await;
    block_in_place(|| cluster.redis.go_on());
    settle().await;
    let history = running.stop().await;
    // Service goes on from the ledger: slower, but nobody is turned away.
    assert!(history.failures().is_empty(), "{}", history.describe_failures(start, 40));
    block_in_place(|| cluster.await_whole(3));
    check(&load, &history, &apis(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_and_a_crash_of_postgres_lose_nothing_acknowledged() {
    let mut cluster = Cluster::start(3);
    let load = Load::prepare(&cluster.api(), seeds(&[72])[0], 24, 30.0).await;
    let running = load.start();
    settle().await;
    let mut faults = Vec::new();
    for crash in [false, true] {
        block_in_place(|| {
            faults.push(Instant::now());
            if crash {
                cluster.postgres.kill();
            } else {
                cluster.postgres.stop();
            }
            cluster.postgres.start_again();
        });
        tokio::time::sleep(Duration::from_secs(8)).await;
        block_in_place(|| cluster.await_whole(3));
    }
    let history = running.stop().await;
    for fault in &faults {
        eprintln!("people were failed for {:?}", history.outage(*fault, *fault + Duration::from_secs(8)));
    }
    eprintln!("{}", history.describe_failures(faults[0], 20));
    check(&load, &history, &apis(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_survive_an_object_store_that_is_away_for_half_a_minute() {
    let mut cluster = Cluster::start(3);
    let load = Load::prepare(&cluster.api(), seeds(&[73])[0], 12, 8.0).await;
    let load = load.with_mix(Mix { likes: 10, follows: 10, comments: 10, posts: 60 });
    let running = load.start();
    settle().await;
    block_in_place(|| cluster.s3.kill());
    tokio::time::sleep(Duration::from_secs(30)).await;
    block_in_place(|| cluster.s3.start_again());
    tokio::time::sleep(Duration::from_secs(8)).await;
    let history = running.stop().await;
    let uploads: usize = history.people.iter().map(|deeds| deeds.uploads.len()).sum();
    eprintln!("{uploads} uploads were completed");
    check(&load, &history, &apis(&cluster)).await;
}
