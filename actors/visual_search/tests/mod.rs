//! Shards over a real ledger and object store: what is written is found, what is deleted is not, and what was lost
//! comes back.

mod keeper;
mod rebuilding;

use super::*;
use crate::limited::LimitedLedger;
use crate::{
    breaker::{BreakerPolicy, Breakers},
    testing::{Ground, alone, eventually, soon},
};
use std::collections::BTreeSet;
use tessera_domain::UserId;
use tessera_ports::{Ledger, ObjectStore, ledger::Embedding};
use tokio::sync::Semaphore;

const MODEL: &str = "test model 1";

/// A unit vector that follows from `seed`.
fn vector(seed: u64) -> Vec<f32> {
    let mut random = tessera_domain::hash::SeededRandom::new(seed);
    let values: Vec<f32> = (0..16).map(|_| random.next_f64() as f32 - 0.5).collect();
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.into_iter().map(|value| value / norm).collect()
}

fn embedding(model: &str, seed: u64) -> Embedding {
    Embedding { model: model.to_owned(), vector: vector(seed), perceptual_hash: seed }
}

fn query(model: &str, seed: u64, limit: u16) -> VisualQuery {
    VisualQuery { vectors: vec![(model.to_owned(), vector(seed))], limit, ..VisualQuery::default() }
}

/// A region of shards over the ground's ledger, as a node has one.
fn start(ground: &Ground, objects: Arc<dyn ObjectStore>, shards: u16) -> VisualSearchRef {
    start_over(ground, ground.ledger.clone(), objects, shards)
}

fn start_over(ground: &Ground, ledger: Arc<dyn Ledger>, objects: Arc<dyn ObjectStore>, shards: u16) -> VisualSearchRef {
    let settings = VisualSearchSettings {
        reconcile_interval: Duration::from_millis(200),
        snapshot_interval: Duration::from_millis(200),
        ..VisualSearchSettings::default()
    };
    let ledger = LimitedLedger::new(&ledger, settings.call_limit);
    let args = VisualShardArgs { ledger, objects, settings, maintenance: Arc::new(Semaphore::new(1)) };
    let breaker = Breakers::new(BreakerPolicy::default(), 0).visual_index;
    VisualSearchRef::new(alone(), ground.region(args, region_settings()), shards, breaker)
}

async fn whole(search: &VisualSearchRef) {
    eventually("all shards are whole", async || {
        let shards = search.describe(soon()).await;
        shards.iter().all(|stats| stats.as_ref().is_ok_and(|stats| stats.complete)).then_some(())
    })
    .await;
}

async fn found(search: &VisualSearchRef, query: &VisualQuery) -> Vec<PostId> {
    let found = search.search(query, soon()).await.expect("a search");
    found.hits.iter().map(|hit| hit.post.post_id).collect()
}

/// Makes posts and their embeddings, by number.
async fn posts(ground: &Ground, author: UserId, count: usize) -> Vec<PostId> {
    let posts = ground.world.posts(author, count).await;
    let embeddings: Vec<_> =
        posts.iter().enumerate().map(|(number, id)| (*id, embedding(MODEL, number as u64))).collect();
    ground.ledger.put_embeddings(&embeddings).await.expect("put_embeddings");
    posts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_find_what_the_ledger_holds_and_what_comes_and_goes() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let [author, other] = [ground.world.user().await, ground.world.user().await];
    let old = posts(&ground, author, 20).await;
    let search = start(&ground, Arc::new(objects), 4);
    whole(&search).await;
    for (number, id) in old.iter().enumerate() {
        let hits = search.search(&query(MODEL, number as u64, 5), soon()).await.expect("a search");
        assert_eq!((hits.hits[0].post.post_id, hits.missing_shards), (*id, 0), "in whichever shard it lies");
        assert!((hits.hits[0].similarity - 1.0).abs() < 1e-3, "{:?}", hits.hits[0]);
        assert_eq!(hits.hits[0].perceptual_hash, number as u64);
        assert!(hits.more && hits.hits.len() == 5, "the nearest of all shards, no more than asked for");
    }

    let new = ground.world.post(other).await;
    ground.ledger.put_embeddings(&[(new, embedding(MODEL, 99))]).await.expect("put_embeddings");
    search.learn(new, soon()).await.expect("learns");
    assert_eq!(found(&search, &query(MODEL, 99, 1)).await, [new], "found once it is learned");
    let filtered = VisualQuery { excluded_authors: vec![other], ..query(MODEL, 99, 25) };
    assert_eq!(found(&search, &filtered).await.len(), 20, "a filter makes no answer short");
    let filtered = VisualQuery { excluded_posts: vec![new, old[0]], ..query(MODEL, 99, 25) };
    let hits: BTreeSet<PostId> = found(&search, &filtered).await.into_iter().collect();
    assert_eq!(hits, old[1..].iter().copied().collect(), "posts are left out");

    search.forget(new, soon()).await.expect("forgets");
    assert!(!found(&search, &query(MODEL, 99, 25)).await.contains(&new), "gone at once");
    let bad = Embedding { vector: vec![1.0], ..embedding(MODEL, 1) };
    ground.ledger.put_embeddings(&[(old[1], bad)]).await.expect("put_embeddings");
    search.learn(old[1], soon()).await.expect("what does not fit is left out");
    assert!(search.search(&query("unheard of", 1, 5), soon()).await.expect("a search").hits.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_message_told_comes_with_the_next_comparison() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let author = ground.world.user().await;
    let old = posts(&ground, author, 8).await;
    let search = start(&ground, Arc::new(objects), 2);
    whole(&search).await;
    let late = ground.world.post(author).await;
    ground
        .ledger
        .put_embeddings(&[(late, embedding(MODEL, 77)), (old[1], embedding("test model 2", 5))])
        .await
        .expect("put");
    ground.ledger.delete_post(old[0], author, ground.world.now()).await.expect("delete_post");
    eventually("the comparison", async || {
        let hits = found(&search, &query(MODEL, 77, 50)).await;
        (hits[0] == late && !hits.contains(&old[0])).then_some(())
    })
    .await;
    eventually("the other model's index", async || {
        (found(&search, &query("test model 2", 5, 5)).await == [old[1]]).then_some(())
    })
    .await;
    let both = VisualQuery {
        vectors: vec![("test model 2".to_owned(), vector(5)), (MODEL.to_owned(), vector(1))],
        ..query(MODEL, 1, 50)
    };
    let hits = found(&search, &both).await;
    assert_eq!(hits.len(), 8, "each post once, by whichever model knows it");
    ground
        .ledger
        .put_embeddings(
            &old.iter().skip(1).chain([&late]).map(|id| (*id, embedding("test model 2", id.0))).collect::<Vec<_>>(),
        )
        .await
        .expect("put");
    let all: Vec<PostId> = old.iter().chain([&late]).copied().collect();
    ground.ledger.drop_superseded_embeddings(MODEL, "test model 2", &all).await.expect("drop");
    eventually("the old model's index is gone", async || {
        found(&search, &query(MODEL, 1, 50)).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_begins_with_its_snapshot_and_without_it_with_the_ledger() {
    let ground = Ground::new().await;
    let (_server, objects) = ground.objects().await;
    let objects: Arc<dyn ObjectStore> = Arc::new(objects);
    let author = ground.world.user().await;
    let old = posts(&ground, author, 12).await;
    let search = start(&ground, objects.clone(), 1);
    whole(&search).await;
    let list = "index/visual/0-of-1/list";
    eventually("a snapshot", async || objects.get(list, 1 << 20).await.expect("get")).await;
    // Both are changed while nobody looks.
    ground.ledger.delete_post(old[3], author, ground.world.now()).await.expect("delete_post");
    let key = VisualShardKey { shard: 0, of: 1 };
    assert!(search.region().reset(key), "it was in memory");
    whole(&search).await;
    let hits = found(&search, &query(MODEL, 4, 50)).await;
    assert_eq!((hits.len(), hits[0]), (11, old[4]), "what was deleted meanwhile is gone");

    let bytes = objects.get(list, 1 << 20).await.expect("get").expect("a list");
    let entries: Vec<serde_json::Value> = serde_json::from_slice(&bytes).expect("a list");
    let snapshot = entries[0]["key"].as_str().expect("a key");
    objects.put(snapshot, "application/octet-stream", b"damaged".as_slice().into()).await.expect("put");
    assert!(search.region().reset(key), "it was in memory");
    whole(&search).await;
    assert_eq!(found(&search, &query(MODEL, 4, 50)).await.len(), 11, "a damaged snapshot is left out");
    search.rebuild(soon()).await.expect("rebuilds");
    whole(&search).await;
    assert_eq!(found(&search, &query(MODEL, 4, 50)).await.len(), 11, "and it can be made anew");
    assert_eq!(search.region().drain(soon()).await, 0, "it saves itself and leaves");
}
