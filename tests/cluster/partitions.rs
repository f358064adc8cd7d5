//! Networks that break: one node is cut off from the others, from one of them, from Redis and from Postgres, in turn.

use std::time::{Duration, Instant};
use tessera_tests::{
    cluster::{Cluster, ClusterPlan, Network, Peer},
    load::{Load, check},
    seeds,
};
use tokio::task::block_in_place;

/// How long each cut lasts: longer than a lease.
const CUT: Duration = Duration::from_secs(10);
/// How long the cut between two nodes lasts that everybody else reaches: until one of them gives way.
const PAIR_CUT: Duration = Duration::from_secs(26);
/// After how long it has given way.
const GIVEN_WAY: Duration = Duration::from_secs(24);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cut_loses_or_doubles_anything() {
    if !Network::can_be_cut() {
        return;
    }
    let mut cluster = Cluster::start_with(ClusterPlan { namespaces: true, ..ClusterPlan::default() });
    let load = Load::prepare(&cluster.api(), seeds(&[61])[0], 24, 30.0).await;
    let running = load.start();
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cuts: [(&str, usize, &[Peer], Duration); 4] = [
        ("the others", 0, &[Peer::Node(1), Peer::Node(2)], CUT),
        ("one other", 1, &[Peer::Node(2)], PAIR_CUT),
        ("Redis", 2, &[Peer::Redis], CUT),
        ("Postgres", 0, &[Peer::Postgres], CUT),
    ];
    let mut spans = Vec::new();
    for (what, place, peers, length) in cuts {
        eprintln!("{:?}: {} is cut off from {what}", start.elapsed(), cluster.nodes[place].name);
        let cut = Instant::now();
        block_in_place(|| cluster.network.cut(place, peers));
        tokio::time::sleep(length).await;
        block_in_place(|| {
            cluster.network.heal(place);
            cluster.await_whole(3);
        });
        eprintln!("{:?}: healed", start.elapsed());
        spans.push((what, cut, Instant::now()));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let history = running.stop().await;
    for (what, cut, whole) in spans {
        let outage = history.outage(cut, whole);
        eprintln!("cut off from {what}: people were failed for {outage:?}");
        assert!(outage < GIVEN_WAY, "nobody is failed for as long as a cut lasts: {outage:?}");
    }
    eprintln!("{}", history.describe_failures(start, 40));
    let apis: Vec<_> = cluster.nodes.iter().map(|node| node.api()).collect();
    check(&load, &history, &apis).await;
}
