//! What was acknowledged as hidden is in no feed on any node from the answer on, also while nodes are killed and come
//! back.

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tessera_tests::{Api, Person, Problem, cluster::Cluster, eventually, seeds};
use tokio::task::block_in_place;

const AUTHORS: usize = 5;
const STEPS: usize = 60;

/// How the reader and an author stand to each other, by what was acknowledged.
#[derive(Debug, Default, Clone, Copy)]
struct Standing {
    follows: bool,
    mutes: bool,
    blocks: bool,
    is_blocked: bool,
    is_private: bool,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Follow,
    Mute,
    Block,
    BeBlocked,
    Private,
    DeletePost,
}

struct Author {
    person: Person,
    posts: Vec<String>,
    standing: Standing,
}

impl Author {
    fn is_hidden(&self) -> bool {
        let Standing { follows, mutes, blocks, is_blocked, is_private } = self.standing;
        mutes || blocks || is_blocked || is_private && !follows
    }
}

/// Turns a standing over on `api`; asks again until it is acknowledged.
async fn change(api: &Api, reader: &Person, author: &mut Author, change: Change) {
    let (reader, other) = (reader.on(api), author.person.on(api));
    let was = author.standing;
    let path = |what: &str| format!("/v1/users/{}/{what}", other.id);
    let toggle = async |person: &Person, path: &str, was: bool| {
        if was { person.delete(path).await } else { person.put(path).await }
    };
    let ask = async || match change {
        Change::Follow => toggle(&reader, &path("follow"), was.follows).await,
        Change::Mute => toggle(&reader, &path("mute"), was.mutes).await,
        Change::Block => toggle(&reader, &path("block"), was.blocks).await,
        Change::BeBlocked => toggle(&other, &format!("/v1/users/{}/block", reader.id), was.is_blocked).await,
        Change::Private => other.patch("/v1/me", json!({ "private": !was.is_private })).await,
        Change::DeletePost => match author.posts.last() {
            Some(post_id) => other.delete(&format!("/v1/posts/{post_id}")).await,
            None => Ok(json!(null)),
        },
    };
    eventually("an acknowledgement", Duration::from_secs(60), || async {
        match ask().await {
            Ok(_) => Some(()),
            // Asked again after an answer that was lost, or across a block: there is nobody (any more).
            Err(Problem { status: 404, .. }) => Some(()),
            Err(Problem { status: 0 | 503, .. }) => None,
            Err(problem) => panic!("{change:?}: {problem:?}"),
        }
    })
    .await;
    let standing = &mut author.standing;
    match change {
        // Nobody follows across a block.
        Change::Follow => standing.follows = !was.follows && !was.blocks && !was.is_blocked,
        Change::Mute if was.is_blocked => {}
        Change::Mute => standing.mutes = !was.mutes,
        Change::Block => (standing.blocks, standing.follows) = (!was.blocks, was.follows && was.blocks),
        Change::BeBlocked => (standing.is_blocked, standing.follows) = (!was.is_blocked, was.follows && was.is_blocked),
        Change::Private => standing.is_private = !was.is_private,
        Change::DeletePost => drop(author.posts.pop()),
    }
}

/// Whatever a node serves of the feed, nothing hidden is in it.
async fn nothing_hidden_is_served(nodes: &[Api], reader: &Person, hidden: &BTreeSet<String>, story: &[String]) {
    for (number, node) in nodes.iter().enumerate() {
        // A node that is down, or not back yet, shows nothing.
        let Ok(page) = reader.on(node).get("/v1/feed?limit=100&include_seen=true").await else { continue };
        for item in page["items"].as_array().expect("items") {
            let post_id = item["post"]["post_id"].as_str().expect("an id");
            assert!(!hidden.contains(post_id), "node {} shows {post_id} after {story:#?}", number + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_as_hidden_is_in_no_feed_on_any_node_through_kills() {
    let mut cluster = Cluster::start(3);
    let nodes: Vec<Api> = cluster.nodes.iter().map(|node| node.api()).collect();
    let reader = nodes[0].sign_up("reader").await;
    let mut authors = Vec::new();
    for number in 0..AUTHORS {
        let person = nodes[number % 3].sign_up(&format!("author{number}")).await;
        let posts = person.post_pictures(3).await;
        reader.follow(&person).await;
        let standing = Standing { follows: true, ..Standing::default() };
        authors.push(Author { person, posts, standing });
    }
    for seed in seeds(&[5]) {
        eprintln!("TESSERA_SEED={seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let (mut deleted, mut story) = (BTreeSet::new(), Vec::new());
        for step in 0..STEPS {
            let killed = (step % 20 == 10).then(|| random.random_range(0..3));
            if let Some(killed) = killed {
                block_in_place(|| cluster.nodes[killed].kill());
                story.push(format!("node {} is killed", killed + 1));
            }
            let alive: Vec<usize> = (0..3).filter(|node| Some(*node) != killed).collect();
            let node = *alive.choose(&mut random).expect("two are alive");
            let number = random.random_range(0..AUTHORS);
            use Change::*;
            let kinds = [Follow, Follow, Mute, Block, BeBlocked, Private, Private, DeletePost];
            let what = *kinds.choose(&mut random).expect("a change");
            let last = authors[number].posts.last().cloned();
            change(&nodes[node], &reader, &mut authors[number], what).await;
            story.push(format!("{step}: {what:?} {number} on node {}: {:?}", node + 1, authors[number].standing));
            deleted.extend(last.filter(|_| matches!(what, DeletePost)));
            let hidden = authors.iter().filter(|author| author.is_hidden()).flat_map(|author| author.posts.clone());
            let hidden: BTreeSet<String> = hidden.chain(deleted.iter().cloned()).collect();
            nothing_hidden_is_served(&nodes, &reader, &hidden, &story).await;
            if let Some(killed) = killed {
                block_in_place(|| {
                    cluster.nodes[killed].start();
                    cluster.await_whole(3);
                });
                nothing_hidden_is_served(&nodes, &reader, &hidden, &story).await;
            }
        }
    }
    let visible: BTreeSet<String> = authors
        .iter()
        .filter(|author| author.standing.follows && !author.is_hidden())
        .flat_map(|author| author.posts.clone())
        .collect();
    for node in &nodes {
        eventually("whatever may be seen", Duration::from_secs(30), || async {
            let shown: BTreeSet<String> =
                reader.on(node).feed_ids("?limit=100&include_seen=true").await.into_iter().collect();
            visible.is_subset(&shown).then_some(())
        })
        .await;
    }
}
