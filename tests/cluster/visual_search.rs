//! The visual index over three nodes: every node finds posts wherever their shard lives, also when a node is killed.

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tessera_tests::{Person, cluster::Cluster, eventually};
use tokio::task::block_in_place;

const POSTS: usize = 12;
/// How long the shards of a killed node may be away: its eviction, their snapshots, and the comparison with the ledger.
const BACK: Duration = Duration::from_secs(30);

/// All posts that look like `post_id`, which are all posts here, and what is missing.
async fn similar(person: &Person, post_id: &str) -> Option<(usize, Value)> {
    let page = person.get(&format!("/v1/posts/{post_id}/similar?limit=100")).await.ok()?;
    let listed: u64 =
        page["items"].as_array()?.iter().map(|item| 1 + item["duplicates"].as_u64().unwrap_or_default()).sum();
    Some((listed as usize, page["degraded"].clone()))
}

async fn finds_all(person: &Person, posts: &[String]) -> Duration {
    let start = Instant::now();
    for post_id in posts {
        eventually("every post on every shard", BACK, || async {
            (similar(person, post_id).await? == (posts.len() - 1, json!([]))).then_some(())
        })
        .await;
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_found_wherever_they_live_and_a_killed_nodes_shards_come_back() {
    let mut cluster = Cluster::start(3);
    let ada = cluster.api().sign_up("ada").await;
    let posts = ada.post_pictures(POSTS).await;
    for node in 0..3 {
        finds_all(&ada.on(&cluster.nodes[node].api()), &posts).await;
    }
    block_in_place(|| cluster.nodes[1].kill());
    // At once, before anybody noticed: what there is, and that something is missing.
    let survivor = ada.on(&cluster.nodes[0].api());
    let page = survivor.get(&format!("/v1/posts/{}/similar?limit=100", posts[0])).await.expect("an answer");
    assert!(page["items"].as_array().is_some_and(|items| !items.is_empty()), "{page}");
    for node in [0, 2] {
        let took = finds_all(&ada.on(&cluster.nodes[node].api()), &posts).await;
        eprintln!("node {} found everything again after {took:?}", node + 1);
    }
    block_in_place(|| {
        cluster.nodes[1].start();
        cluster.await_whole(3);
    });
    let late = ada.post_picture(99, "").await.post_id;
    let all = [posts, vec![late]].concat();
    for node in 0..3 {
        finds_all(&ada.on(&cluster.nodes[node].api()), &all).await;
    }
}
