//! Servers that are down, hang, come back with old or damaged data, or give their slots away.

use crate::{answers_again, connect, counted, fill, likes, patient, post, row};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId};
use tessera_ports::{HotStore, StoreError};
use tessera_stores::redis::RedisOptions;
use tessera_test_servers::{Redis, RedisCluster};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_starts_while_redis_is_down_and_finds_it_later() {
    let mut server = Redis::start(&[]);
    server.kill();
    let store = connect(RedisOptions::new(server.url())).await;
    let started = Instant::now();
    for _ in 0..1_000 {
        let failure = store.posts(&[PostId(1)]).await.expect_err("it is down");
        assert!(failure.is_transient(), "{failure}");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "1,000 calls failed in {:?}", started.elapsed());
    server.start_again();
    let took = answers_again(&store).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    store.put_posts(&[post(1)]).await.expect("put_posts");

    server.kill();
    while store.check().await.is_ok() {}
    server.start_again();
    answers_again(&store).await;
    // The new server does not know the scripts either.
    store.put_posts(&[post(1)]).await.expect("put_posts");
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_one_time_out() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions { connections: 1, ..RedisOptions::new(server.url()) }).await;
    store.put_posts(&[post(1)]).await.expect("put_posts");
    server.pause();
    let started = Instant::now();
    for _ in 0..1_000 {
        store.posts(&[PostId(1)]).await.expect_err("it hangs");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "1,000 calls failed in {:?}", started.elapsed());
    server.go_on();
    let took = answers_again(&store).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))], "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_are_bounded() {
    let mut server = Redis::start(&[]);
    let store = connect(RedisOptions { max_in_flight: 2, ..patient(server.url()) }).await;
    server.pause();
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.check().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = store.check().await;
    assert!(matches!(refused, Err(StoreError::Overloaded { .. })), "{refused:?}");
    server.go_on();
    for call in waiting {
        call.await.expect("no panic").expect("they are answered");
    }
    store.check().await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_from_an_old_file_shows_nothing_old() {
    let mut server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let ids = [PostId(1)];
    store.put_posts(&[post(1)]).await.expect("put_posts");
    store.put_timeline(UserId(1), Bytes::from_static(b"snapshot")).await.expect("put_timeline");
    fill(&store, 1, &[row(0, 5)]).await;
    assert_eq!(server.command(&["SAVE"]), "OK");
    // After the file was written, the post is liked and deleted.
    store.update_counts(PostId(1), &[row(0, 6)]).await.expect("update_counts");
    store.remove_posts(&ids).await.expect("remove_posts");
    server.start_again();
    while store.check().await.is_ok() {}
    answers_again(&store).await;
    assert_eq!(store.posts(&ids).await.expect("posts"), [None], "the deleted post is not back");
    assert_eq!(counted(&store, 1).await, None, "nor the old count");
    let snapshot = store.timeline(UserId(1)).await.expect("timeline");
    assert_eq!(snapshot.as_deref(), Some(&b"snapshot"[..]), "a snapshot may be old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_part_of_a_cluster_that_is_away_hides_only_its_part() {
    let mut servers = RedisCluster::start(3, &[]);
    let store = connect(RedisOptions { response_timeout: Duration::from_secs(1), ..patient(servers.url()) }).await;
    let (ids, posts): (Vec<_>, Vec<_>) = (0..300).map(|id| (PostId(id), post(id))).unzip();
    store.put_posts(&posts).await.expect("put_posts");
    servers.nodes()[2].kill();
    let found = store.posts(&ids).await.expect("two of three nodes answer");
    let here = found.iter().flatten().count();
    assert!((100..300).contains(&here), "{here} of 300");
    store.check().await.expect("the others answer");
    servers.nodes()[2].start_again();
    let started = Instant::now();
    while store.put_posts(&posts).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", store.put_posts(&posts).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(store.posts(&ids).await.expect("posts").iter().flatten().count(), 300, "all are here again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_slot_that_moves_is_followed() {
    let mut servers = RedisCluster::start(3, &[]);
    let store = connect(patient(servers.url())).await;
    let slot = servers.nodes()[0].command(&["CLUSTER", "KEYSLOT", "{1}"]);
    let old = 3 * slot.parse::<usize>().expect("a slot") / 16_384;
    let new = servers.nodes()[(old + 1) % 3].command(&["CLUSTER", "MYID"]);
    for place in [old + 1, old, old + 2] {
        let moved = servers.nodes()[place % 3].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &new]);
        assert_eq!(moved, "OK");
    }
    store.update_counts(PostId(1), &[row(0, 1)]).await.expect_err("the slot is elsewhere");
    let started = Instant::now();
    while store.put_posts(&[post(1)]).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", store.put_posts(&[post(1)]).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_an_end_and_damage_counts_as_missing() {
    let server = Redis::start(&[]);
    let store = connect(patient(server.url())).await;
    let (user, upload) = (UserId(1), post(1).media.upload_id);
    store.put_posts(&[post(1), post(2)]).await.expect("put_posts");
    store.remove_posts(&[PostId(2), PostId(3)]).await.expect("remove_posts");
    fill(&store, 1, &[row(0, 5)]).await;
    store.update_counts(PostId(1), &[row(0, 6)]).await.expect("update_counts");
    store.counts(&[PostId(4)]).await.expect("counts");
    store.update_counts(PostId(4), &[row(0, 6)]).await.expect("update_counts");
    store.update_counts(PostId(5), &[row(0, 6)]).await.expect("update_counts");
    store.put_timeline(user, Bytes::from_static(b"snapshot")).await.expect("put_timeline");
    store.put_progress(upload, 7).await.expect("put_progress");
    let keys = server.command(&["KEYS", "*"]);
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 7, "nothing of post 5, which nobody asked for: {keys:?}");
    for key in &keys {
        let life_ms: i64 = server.command(&["PTTL", key]).parse().expect("a number");
        let longest = if key.contains("timeline") { 86_400_000 } else { 3_600_000 };
        assert!((1..=longest).contains(&life_ms), "{key} lives {life_ms} ms");
    }
    for damage in [&["SET", "?", "damaged"][..], &["LPUSH", "?", "a list"], &["SET", "?", ""]] {
        for key in &keys {
            server.command(&["DEL", key]);
            let command: Vec<&str> = damage.iter().map(|word| if *word == "?" { key } else { *word }).collect();
            server.command(&command);
        }
        assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [None]);
        assert_eq!(counted(&store, 1).await, None);
        assert_eq!(store.progress(upload).await.expect("progress"), None);
        store.remove_posts(&[PostId(2)]).await.expect("remove_posts");
        store.put_posts(&[post(1)]).await.expect("put_posts");
        assert_eq!(store.posts(&[PostId(1)]).await.expect("posts"), [Some(post(1))], "a put repairs it");
    }
    server.command(&["DEL", keys.iter().find(|key| key.contains("{1}:counts")).expect("a mirror")]);
    assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "OK");
    fill(&store, 1, &[row(0, 5)]).await;
    assert_eq!(counted(&store, 1).await, likes(5), "scripts come back by themselves");
}
