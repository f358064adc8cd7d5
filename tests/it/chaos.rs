//! Actors die under load, and nobody loses anything.

use crate::Node;
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_tests::{Operator, Person, eventually, ids_of, side_by_side};

/// Opens feeds and pages them until told to stop; every answer is a full feed.
async fn read_on(person: Person, posts: Vec<String>, stop: Arc<AtomicBool>) -> usize {
    let mut reads = 0;
    while !stop.load(Ordering::Relaxed) {
        let page = person.feed("?limit=100&include_seen=true").await;
        let mut ids = ids_of(&page);
        ids.sort();
        ids.dedup();
        assert_eq!(ids, posts, "the feed has every post, whatever dies ({:?})", page["degraded"]);
        reads += 1;
    }
    reads
}

/// Likes and unlikes in turn until told to stop; what was acknowledged must be so. Gives whether the like stands.
async fn like_on(person: Person, post_id: String, stop: Arc<AtomicBool>) -> bool {
    let path = format!("/v1/posts/{post_id}/likes");
    let mut liked = false;
    while !stop.load(Ordering::Relaxed) {
        let result = if liked { person.delete(&path).await } else { person.post_empty(&path).await };
        match result {
            Ok(_) => liked = !liked,
            // Its first try had happened when its actor died.
            Err(problem) if problem.code == "duplicate_like" && !liked => liked = true,
            Err(problem) => assert_eq!(problem.status, 503, "only what may be sent again: {problem:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // An error at the end leaves open whether it happened.
    person.get(&format!("/v1/posts/{post_id}")).await.expect("the post")["liked"] == true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_timelines_and_counters_lose_no_acknowledged_like_and_no_post() {
    let node = Node::start(&["chaos=true"]);
    let api = node.api();
    let operator = Operator::of(&node);
    let author = api.sign_up("author").await;
    let (readers, likers) = (api.sign_up_many("reader", 6).await, api.sign_up_many("liker", 16).await);
    for reader in &readers {
        reader.follow(&author).await;
    }
    let mut posts = author.post_pictures(8).await;
    posts.sort();
    for reader in &readers {
        for post_id in &posts {
            reader.feed_comes_to(post_id, true).await;
        }
    }
    let (hot, stop) = (posts[0].clone(), Arc::new(AtomicBool::new(false)));
    let reading = readers.iter().cloned().map(|reader| tokio::spawn(read_on(reader, posts.clone(), stop.clone())));
    let reading: Vec<_> = reading.collect();
    let liking = likers.iter().cloned().map(|liker| tokio::spawn(like_on(liker, hot.clone(), stop.clone())));
    let liking: Vec<_> = liking.collect();

    let mut killed = 0;
    for round in 0..40 {
        let target = if round % 2 == 0 {
            format!("counter:{hot}")
        } else {
            format!("timeline:{}", readers[round / 2 % readers.len()].id)
        };
        killed += usize::from(operator.kill(&target).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(killed >= 10, "{killed} actors died");
    stop.store(true, Ordering::Relaxed);
    for task in reading {
        assert!(task.await.expect("reading goes well") > 0);
    }
    let mut standing = 0;
    for task in liking {
        standing += u64::from(task.await.expect("liking goes well"));
    }
    let post = author.get(&format!("/v1/posts/{hot}")).await.expect("the post");
    assert_eq!(post["like_count"].as_u64(), Some(standing), "the count is the number of likes that stand");
    assert_eq!(author.list(&format!("/v1/posts/{hot}/likes")).await.len() as u64, standing);
    let restarts = operator.metric("tessera_actors_restarts_total").await.expect("the metric");
    assert!(restarts > 0.0, "operators see the restarts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_outlives_hundreds_of_dead_actors() {
    let node = Node::start(&["chaos=true", "log.level=off"]);
    let api = node.api();
    let operator = Operator::of(&node);
    let author = api.sign_up("author").await;
    let readers = api.sign_up_many("reader", 30).await;
    for reader in &readers {
        reader.follow(&author).await;
    }
    let posts: BTreeSet<String> = author.post_pictures(3).await.into_iter().collect();
    // Far more often than any limit on restarts allows, one reader's timeline most of all.
    let kills = (0..600).map(|number| {
        let (operator, unlucky) = (operator.clone(), if number % 2 == 0 { 0 } else { number % 30 });
        let reader = readers[unlucky].clone();
        async move {
            let read = reader.get("/v1/feed?include_seen=true").await;
            let killed = operator.kill(&format!("timeline:{}", reader.id)).await;
            if let Err(problem) = read {
                assert_eq!(problem.status, 503, "only what may be sent again: {problem:?}");
            }
            usize::from(killed)
        }
    });
    let killed: usize = side_by_side(8, kills).await.into_iter().sum();
    assert!(killed >= 300, "{killed} died");
    for reader in &readers {
        eventually("a whole feed, served by its timeline", Duration::from_secs(30), || async {
            let page = reader.get("/v1/feed?include_seen=true").await.ok()?;
            let found: BTreeSet<String> = ids_of(&page).into_iter().collect();
            (page["degraded"] == json!([]) && found == posts).then_some(())
        })
        .await;
    }
    let ready = operator.api().fetch(&operator.api().url("/readyz"), &[]).await;
    assert_eq!(ready.status, 200, "{}", ready.text());
}

#[tokio::test]
async fn a_killed_inbox_loses_no_notification() {
    let node = Node::start(&["chaos=true"]);
    let api = node.api();
    let operator = Operator::of(&node);
    let author = api.sign_up("author").await;
    let post_id = author.post_picture(1, "").await.post_id;
    let people = api.sign_up_many("fan", 40).await;
    let likes = people.into_iter().map(|person| {
        let (path, operator, inbox) = (format!("/v1/posts/{post_id}/likes"), operator.clone(), author.id.clone());
        async move {
            person.post_empty(&path).await.expect("liked");
            operator.kill(&format!("inbox:{inbox}")).await;
        }
    });
    side_by_side(8, likes).await;
    eventually("forty likes in one notification", Duration::from_secs(90), || async {
        let page = author.get("/v1/notifications").await.ok()?;
        assert!(page["items"].as_array()?.len() <= 1, "they stay together: {page}");
        (page["items"][0]["actor_count"] == 40).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_the_setting_nobody_can_kill_anything() {
    let node = Node::start(&[]);
    let operator = Operator::of(&node);
    let refused = operator.post("/admin/chaos", Some(json!({ "kill": "timeline:1" }))).await.expect_err("refused");
    assert_eq!(refused.status, 404);
    let node = Node::start(&["chaos=true"]);
    let operator = Operator::of(&node);
    for target in ["timeline", "timeline:x", "node:1", ""] {
        let refused = operator.post("/admin/chaos", Some(json!({ "kill": target }))).await.expect_err("refused");
        assert_eq!(refused.code, "validation_failed", "{target}");
    }
    assert!(!operator.kill("timeline:1").await, "who is not active cannot be killed");
}
