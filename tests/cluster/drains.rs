//! Operators at work: nodes drain, restart and join under load, and not one request fails.

use std::time::{Duration, Instant};
use tessera_tests::{
    cluster::{Cluster, ClusterPlan, view_of},
    load::{Load, check},
    seeds,
};
use tokio::task::block_in_place;

/// How soon a new node must own its share.
const JOIN_BOUND: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_and_a_fourth_node_fail_not_one_request() {
    let mut cluster = Cluster::start_with(ClusterPlan { spares: 1, ..ClusterPlan::default() });
    let load = Load::prepare(&cluster.api(), seeds(&[51])[0], 24, 30.0).await;
    let running = load.start();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    for place in 0..3 {
        let drain = Instant::now();
        assert_eq!(block_in_place(|| cluster.nodes[place].terminate()), Some(0), "it drains");
        eprintln!("{}: drained in {:?}", cluster.nodes[place].name, drain.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
        block_in_place(|| {
            cluster.nodes[place].start();
            cluster.await_whole(3);
        });
    }
    let joined = block_in_place(|| join(&mut cluster));
    tokio::time::sleep(Duration::from_secs(3)).await;
    // And it leaves again, as when an operator scales in.
    assert_eq!(block_in_place(|| cluster.nodes[3].terminate()), Some(0));
    block_in_place(|| cluster.await_whole(3));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let history = running.stop().await;
    assert!(history.failures().is_empty(), "{}", history.describe_failures(start, 40));
    let apis: Vec<_> = cluster.nodes[..3].iter().map(|node| node.api()).collect();
    check(&load, &history, &apis).await;
    assert!(joined <= JOIN_BOUND, "the fourth node owned its share after {joined:?}");
}

/// Starts the fourth node; gives how long it took from its start until all nodes agree that it owns its share.
fn join(cluster: &mut Cluster) -> Duration {
    let start = Instant::now();
    cluster.nodes[3].launch();
    while !cluster.is_whole(4) {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", cluster.nodes[3].log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = start.elapsed();
    let view = view_of(&cluster.nodes[3]).expect("a view");
    let shards: Vec<u64> =
        view["nodes"].as_array().into_iter().flatten().filter_map(|node| node["shards"].as_u64()).collect();
    eprintln!("the fourth node owns its share after {took:?}: {shards:?}");
    assert!(shards.iter().all(|share| (170..350).contains(share)), "shares are even: {shards:?}");
    took
}
