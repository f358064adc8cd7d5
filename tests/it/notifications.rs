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

/// The inbox as it is shown: `(kind, post, text, read)` of each, and how many are unread.
async fn inbox(person: &Person) -> (Vec<(Value, Value, Value, Value)>, u64) {
    let page = person.get("/v1/notifications").await.expect("a page");
    let item =
        |item: &Value| (item["kind"].clone(), item["post_id"].clone(), item["text"].clone(), item["read"].clone());
    let items: Vec<_> = page["items"].as_array().expect("items").iter().map(item).collect();
    let unread = page["unread_count"].as_u64().expect("a count");
    assert_eq!(unread, items.iter().filter(|(.., read)| *read == false).count() as u64, "as many as are shown: {page}");
    (items, unread)
}

#[tokio::test]
async fn every_comment_rings_and_the_authors_rings_those_who_commented_before() {
    let node = Node::start(&[]);
    let api = node.api();
    let (author, ada, bob) = (api.sign_up("author").await, api.sign_up("ada").await, api.sign_up("bob").await);
    let post_id = author.post_picture(1, "").await.post_id;
    let comments = format!("/v1/posts/{post_id}/comments");
    let say = |person: &Person, text: &str| {
        let (person, comments, body) = (person.clone(), comments.clone(), json!({ "text": text }));
        async move { person.post(&comments, body).await.expect("commented") }
    };
    for text in ["one", "two", "three"] {
        say(&ada, text).await;
        let found = notified(&author, "comment", 1).await;
        assert_eq!(found["text"], "ada commented on your post");
        let read = author.post("/v1/notifications/read", json!({ "up_to": found["id"] })).await.expect("read");
        assert_eq!(read["unread_count"], 0, "each comment is one that was not read before");
    }
    say(&author, "thank you").await;
    say(&bob, "four").await;
    let reply = notified(&ada, "comment", 1).await;
    assert_eq!((&reply["text"], &reply["post_id"]), (&json!("author also commented on their post"), &json!(post_id)));
    notified(&author, "comment", 1).await;
    assert_eq!(inbox(&bob).await, (Vec::new(), 0), "who comments later is not told of what came before");
}

#[tokio::test]
async fn what_is_gone_or_blocked_is_neither_shown_nor_unread() {
    let node = Node::start(&[]);
    let api = node.api();
    let (author, ada) = (api.sign_up("author").await, api.sign_up("ada").await);
    let (first, second) = (author.post_picture(1, "").await.post_id, author.post_picture(2, "").await.post_id);
    let like = |post_id: &str| format!("/v1/posts/{post_id}/likes");
    ada.post_empty(&like(&first)).await.expect("liked");
    let commented = ada.post(&format!("/v1/posts/{second}/comments"), json!({ "text": "nice" })).await;
    let comment_id = commented.expect("commented")["id"].as_str().expect("an id").to_owned();
    ada.follow(&author).await;
    notified(&author, "like", 1).await;
    notified(&author, "comment", 1).await;
    notified(&author, "follow", 1).await;
    assert_eq!(inbox(&author).await.1, 3);

    ada.delete(&like(&first)).await.expect("unliked");
    assert_eq!(inbox(&author).await.1, 2, "a like that was withdrawn");
    ada.post_empty(&like(&first)).await.expect("liked");
    assert_eq!(inbox(&author).await.1, 3, "it stands again and rings no second time");
    author.delete(&format!("/v1/posts/{first}")).await.expect("deleted");
    assert_eq!(inbox(&author).await.1, 2, "a deleted post");
    ada.delete(&format!("/v1/comments/{comment_id}")).await.expect("deleted");
    assert_eq!(inbox(&author).await.1, 1, "a deleted comment");
    author.put(&format!("/v1/users/{}/block", ada.id)).await.expect("blocks");
    assert_eq!(inbox(&author).await, (Vec::new(), 0), "no badge over an empty list");
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
