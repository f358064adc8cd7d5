//! Nodes that die or hang under load: nothing acknowledged is lost or doubled, and their users are served again soon.

use std::time::{Duration, Instant};
use tessera_test_servers::becomes_true;
use tessera_tests::{
    cluster::{Cluster, view_of},
    load::{History, Load, Outcome, check},
    seeds,
};
use tokio::task::block_in_place;

const PEOPLE: usize = 24;
const PER_SECOND: f64 = 30.0;
const KILLS: usize = 10;
/// The longest that a killed node's users may wait, in the middle of ten kills.
const KILL_BOUND: Duration = Duration::from_secs(3);
/// The longest that the users of a node that hangs may wait.
const HANG_BOUND: Duration = Duration::from_secs(8);

/// Everything that failed may be tried again.
fn assert_retriable(history: &History) {
    for attempt in history.failures() {
        let Outcome::Unknown(problem) = &attempt.outcome else { continue };
        assert_eq!(problem.status, 503, "{} by {}: {problem:?}", attempt.what, attempt.person);
    }
}

/// How long people were failed after each of these moments.
fn outages(history: &History, faults: &[Instant], window: Duration) -> Vec<Duration> {
    let outages: Vec<Duration> = faults.iter().map(|fault| history.outage(*fault, *fault + window)).collect();
    for (fault, outage) in faults.iter().zip(&outages) {
        let within =
            |attempt: &&&tessera_tests::load::Attempt| attempt.started <= *fault + window && attempt.ended >= *fault;
        let failed = history.failures().iter().filter(within).count();
        let slowest = history.slowest(*fault, *fault + window);
        eprintln!("served again after {outage:?}; {failed} attempts failed, the slowest took {slowest:?}");
    }
    outages
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_killed_nodes_lose_nothing_and_their_users_are_served_again_within_3_s() {
    let mut cluster = Cluster::start(3);
    let load = Load::prepare(&cluster.api(), seeds(&[41])[0], PEOPLE, PER_SECOND).await;
    let running = load.start();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut kills = Vec::new();
    for number in 0..KILLS {
        block_in_place(|| cluster.nodes[number % 3].kill());
        kills.push(Instant::now());
        tokio::time::sleep(Duration::from_secs(4)).await;
        block_in_place(|| {
            cluster.nodes[number % 3].start();
            cluster.await_whole(3);
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let history = running.stop().await;
    let outages = outages(&history, &kills, Duration::from_secs(4));
    eprintln!("{}", history.describe_failures(kills[0], 40));
    check(&load, &history, &all(&cluster)).await;
    assert_retriable(&history);
    assert!(median(outages.clone()) <= KILL_BOUND, "median of {outages:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hangs_loses_nothing_and_steps_aside_when_it_wakes() {
    let mut cluster = Cluster::start(3);
    let load = Load::prepare(&cluster.api(), seeds(&[42])[0], PEOPLE, PER_SECOND).await;
    let running = load.start();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut hangs = Vec::new();
    for number in 0..2 {
        let before = block_in_place(|| incarnation(&cluster, number));
        block_in_place(|| cluster.nodes[number].signal("STOP"));
        hangs.push(Instant::now());
        tokio::time::sleep(Duration::from_secs(12)).await;
        let after = block_in_place(|| {
            cluster.nodes[number].signal("CONT");
            becomes_true(Duration::from_secs(30), || incarnation(&cluster, number) > before);
            cluster.await_whole(3);
            incarnation(&cluster, number)
        });
        assert!(after > before, "it was thrown out and joined anew: {before:?}, {after:?}");
    }
    let history = running.stop().await;
    let outages = outages(&history, &hangs, Duration::from_secs(12));
    eprintln!("{}", history.describe_failures(hangs[0], 40));
    check(&load, &history, &all(&cluster)).await;
    assert_retriable(&history);
    assert!(outages.iter().all(|outage| *outage <= HANG_BOUND), "{outages:?}");
}

/// Which of its runs a node is in, as it says itself.
fn incarnation(cluster: &Cluster, place: usize) -> Option<u64> {
    let node = &cluster.nodes[place];
    let view = view_of(node)?;
    let own = view["nodes"].as_array()?.iter().find(|member| member["name"] == node.name)?.clone();
    own["incarnation"].as_u64()
}

/// Every running node's API.
fn all(cluster: &Cluster) -> Vec<tessera_tests::Api> {
    cluster.nodes.iter().map(|node| node.api()).collect()
}
