//! Notifications: coalesced, stored, counted, and the same after a crash.

use crate::Node;
use serde_json::{Value, json};
use std::time::Duration;
use tessera_tests::{Person, eventually, side_by_side};

/// Waits until the first notification of a kind has so many actors; gives it.
async fn notified(person: &Person, kind: &str, actors: u64) -> Value {
    eventually(&format!("{actors} {kind}"), Duration::from_secs(60), || async {
        let page = person.get("/v1/notifications").await.ok()?;
        let found =
            page["items"].as_array()?.iter().find(|item| item["kind"] == kind && item["read"] == false)?.clone();
        let count = found["actor_count"].as_u64()?;
        assert!(count <= actors, "nobody is counted twice: {found}");
        (count == actors).then_some(found)
    })
    .await
}

async fn all_like(people: &[Person], post_id: &str) {
    let likes = people.iter().cloned().map(|person| {
        let path = format!("/v1/posts/{post_id}/likes");
        async move { person.post_empty(&path).await.expect("liked") }
    });
    side_by_side(16, likes).await;
}

#[tokio::test]
async fn likes_of_a_post_become_one_notification() {
    let node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("fan", 42).await;
    let post_id = author.post_picture(1, "").await.post_id;
    all_like(&people[..41], &post_id).await;
    notified(&author, "like", 41).await;
    people[41].post_empty(&format!("/v1/posts/{post_id}/likes")).await.expect("liked");
    let found = notified(&author, "like", 42).await;
    assert_eq!(found["text"], "fan41 and 41 others liked your post");
    assert_eq!(found["post_id"], post_id.as_str());
    let named = found["actors"].as_array().expect("actors");
    assert_eq!((named.len(), &named[0]["username"]), (3, &json!("fan41")));
    let page = author.get("/v1/notifications").await.expect("a page");
    assert_eq!((page["items"].as_array().map(Vec::len), &page["unread_count"]), (Some(1), &1.into()));

    // Liking again and taking likes back rings no second time.
    people[0].delete(&format!("/v1/posts/{post_id}/likes")).await.expect("unliked");
    people[0].post_empty(&format!("/v1/posts/{post_id}/likes")).await.expect("liked");
    people[1].post(&format!("/v1/posts/{post_id}/comments"), json!({ "text": "nice" })).await.expect("commented");
    notified(&author, "comment", 1).await;
    assert_eq!(notified(&author, "like", 42).await["id"], found["id"]);
}

#[tokio::test]
async fn what_was_read_is_closed_and_what_comes_after_is_new() {
    let node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("fan", 3).await;
    let post_id = author.post_picture(1, "").await.post_id;
    all_like(&people[..2], &post_id).await;
    people[0].follow(&author).await;
    let like = notified(&author, "like", 2).await;
    let follow = notified(&author, "follow", 1).await;
    assert_eq!(follow["text"], "fan0 followed you");
    assert!(follow.get("post_id").is_none());

    let page = author.get("/v1/notifications").await.expect("a page");
    let newest = page["items"][0]["id"].as_str().expect("an id");
    for _ in 0..2 {
        let left = author.post("/v1/notifications/read", json!({ "up_to": newest })).await.expect("read");
        assert_eq!(left["unread_count"], 0);
    }
    all_like(&people[2..], &post_id).await;
    let fresh = notified(&author, "like", 1).await;
    assert_ne!(fresh["id"], like["id"], "a read notification collects no more");
    assert_eq!(fresh["text"], "fan2 liked your post");
    let page = author.get("/v1/notifications").await.expect("a page");
    assert_eq!((page["items"].as_array().map(Vec::len), &page["unread_count"]), (Some(3), &1.into()));
}

#[tokio::test]
async fn ones_own_deeds_and_those_of_blocked_people_do_not_ring() {
    let node = Node::start(&[]);
    let api = node.api();
    let (author, friend, rude) = (api.sign_up("author").await, api.sign_up("friend").await, api.sign_up("rude").await);
    let post_id = author.post_picture(1, "").await.post_id;
    all_like(&[author.clone(), rude.clone(), friend.clone()], &post_id).await;
    author.put(&format!("/v1/users/{}/block", rude.id)).await.expect("blocks");
    let found = eventually("the friend's like alone", Duration::from_secs(20), || async {
        let page = author.get("/v1/notifications").await.ok()?;
        let found = page["items"].as_array()?.first()?.clone();
        (found["text"] == "friend liked your post").then_some(found)
    })
    .await;
    assert_eq!(found["actor_count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_no_notification_and_rings_no_second_time() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let people = api.sign_up_many("fan", 60).await;
    let post_id = author.post_picture(1, "").await.post_id;
    for group in people.chunks(20) {
        all_like(group, &post_id).await;
        // The likes are acknowledged; their signals may be anywhere on their way.
        node.kill();
        node.restart();
        api.answers().await;
    }
    notified(&author, "like", 60).await;
    let page = author.get("/v1/notifications").await.expect("a page");
    assert_eq!((page["items"].as_array().map(Vec::len), &page["unread_count"]), (Some(1), &1.into()));
}
