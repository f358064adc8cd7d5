//! Nodes that do not belong, clocks that are wrong, and versions that differ: a clear error and no damage.

use std::{
    path::Path,
    time::{Duration, Instant},
};
use tessera_test_servers::becomes_true;
use tessera_tests::{
    cluster::{Authority, Cluster, ClusterPlan},
    load::{Load, check},
    seeds,
};
use tokio::task::block_in_place;

/// How long it may take until nobody is sent to a node any more that cannot serve.
const NOTICED: Duration = Duration::from_secs(4);

/// Three nodes and a place for a fourth.
fn three_and_a_spare() -> Cluster {
    Cluster::start_with(ClusterPlan { spares: 1, ..ClusterPlan::default() })
}

/// Starts the fourth node, which must not become a part of the cluster, and say one of `words`.
fn is_refused(cluster: &mut Cluster, words: &[&str]) {
    let stranger = &mut cluster.nodes[3];
    stranger.launch();
    let says = becomes_true(Duration::from_secs(40), || {
        let log = stranger.log();
        !stranger.is_running() && words.iter().any(|word| log.contains(word))
    });
    assert!(says, "it ends and says {words:?}:\n{}", stranger.log());
    assert_eq!(stranger.exit_code(), Some(2), "{}", stranger.log());
    assert!(!stranger.log().contains("ready http="), "it never served");
    assert!(becomes_true(Duration::from_secs(15), || cluster.is_whole(3)), "the three are as they were");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_nowhere_and_hurt_nobody() {
    let mut cluster = three_and_a_spare();
    let load = Load::prepare(&cluster.api(), seeds(&[81])[0], 8, 10.0).await;
    let running = load.start();
    let start = Instant::now();
    let own = cluster.nodes[3].settings.clone();
    block_in_place(|| {
        let secret = ("TESSERA__CLUSTER__SECRET".to_owned(), "a secret that nobody else knows".to_owned());
        cluster.nodes[3].settings.environment.push(secret);
        is_refused(&mut cluster, &["secret"]);

        cluster.nodes[3].settings = own.clone();
        cluster.nodes[3].settings.certificate = Authority::new().sign("stranger", cluster.folder());
        is_refused(&mut cluster, &["certificate"]);

        let misnamed = cluster.authority.sign_for("other.example.com", "misnamed", cluster.folder());
        cluster.nodes[3].settings.certificate = misnamed;
        is_refused(&mut cluster, &["tessera-node"]);

        cluster.nodes[3].settings = own.clone();
        cluster.nodes[3].name = "node-1".to_owned();
        is_refused(&mut cluster, &["node-1"]);
    });
    let history = running.stop().await;
    assert!(history.failures().is_empty(), "{}", history.describe_failures(start, 40));
    check(&load, &history, &[cluster.api()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_the_older_wire_version_works_with_the_others() {
    let mut cluster = three_and_a_spare();
    let load = Load::prepare(&cluster.api(), seeds(&[82])[0], 16, 20.0).await;
    let running = load.start();
    let start = Instant::now();
    // A rolling upgrade backwards and forwards.
    for version in [1, 0] {
        block_in_place(|| {
            cluster.nodes[0].settings.sets.push(format!("cluster.wire_newest={version}"));
            assert_eq!(cluster.nodes[0].terminate(), Some(0));
            cluster.nodes[0].start();
            cluster.await_whole(3);
        });
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    let history = running.stop().await;
    assert!(history.failures().is_empty(), "{}", history.describe_failures(start, 40));
    let apis: Vec<_> = cluster.nodes[..3].iter().map(|node| node.api()).collect();
    check(&load, &history, &apis).await;
}

/// The environment that shifts a process's clock by what stands in `file`, but not the clock that measures durations.
fn shifted(file: &Path) -> Vec<(String, String)> {
    let library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
        .iter()
        .map(|folder| Path::new(folder).join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists())
        .expect("the Debian package faketime is installed (scripts/prepare --tests)");
    let variables = [
        ("LD_PRELOAD", library.to_str().expect("a path")),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().expect("a path")),
        ("FAKETIME_CACHE_DURATION", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_wrong_does_no_damage() {
    let mut cluster = three_and_a_spare();
    let load = Load::prepare(&cluster.api(), seeds(&[83])[0], 16, 20.0).await;
    let running = load.start();
    let start = Instant::now();
    let clock = cluster.folder().join("clock");
    let set_clock = |by: &str| std::fs::write(&clock, by).expect("a file in the cluster's folder");
    cluster.nodes[3].settings.environment.extend(shifted(&clock));
    block_in_place(|| {
        for by in ["-40s", "+40s"] {
            set_clock(by);
            is_refused(&mut cluster, &["clock"]);
        }
        // A little off is no reason to stay out.
        set_clock("+1s");
        cluster.nodes[3].start();
        cluster.await_whole(4);
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    // A clock that jumps makes its node stand back until it is right again; what it was asked before the balancer
    // noticed may be tried again.
    let mut jumps = Vec::new();
    for by in ["+100s", "-100s"] {
        set_clock(by);
        jumps.push(Instant::now());
        let stands_back = block_in_place(|| becomes_true(Duration::from_secs(10), || !cluster.nodes[3].is_ready()));
        assert!(stands_back, "{}", cluster.nodes[3].log());
        tokio::time::sleep(Duration::from_secs(4)).await;
        set_clock("+0s");
        block_in_place(|| cluster.await_whole(4));
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let history = running.stop().await;
    for attempt in history.failures() {
        let in_time = |jump: &Instant| (*jump..*jump + NOTICED).contains(&attempt.ended);
        assert!(jumps.iter().any(in_time), "{}", history.describe_failures(start, 40));
    }
    let apis: Vec<_> = cluster.nodes.iter().map(|node| node.api()).collect();
    check(&load, &history, &apis).await;
}

#[test]
fn a_start_without_a_database_says_so_and_exits_2() {
    let mut cluster = Cluster::prepare(ClusterPlan { nodes: 1, ..ClusterPlan::default() });
    cluster.postgres.stop();
    let node = &mut cluster.nodes[0];
    node.launch();
    assert_eq!(node.exit_code(), Some(2), "{}", node.log());
    assert!(node.log().contains("ledger.url"), "{}", node.log());
    // What it says is for people: no password would stand in it, and no panic.
    assert!(!node.log().contains("panicked"), "{}", node.log());
}
