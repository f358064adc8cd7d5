//! The inbox.

use super::{support::Edge, world::eventually};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn likes_coalesce_into_one_notification_until_it_is_read() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, bob) = edge.person("bob").await;
    let (_, eve) = edge.person("eve").await;
    let post = edge.publish(&ada, "").await;
    let likes = format!("/v1/posts/{post}/likes");
    assert_eq!(edge.post(&likes, &bob, Value::Null).await.status, 201);
    assert_eq!(edge.post(&likes, &eve, Value::Null).await.status, 201);
    assert_eq!(edge.post(&likes, &ada, Value::Null).await.status, 201);
    edge.follow(&bob, &ada_id).await;

    let list = eventually("two notifications", || async {
        let list = edge.get("/v1/notifications", &ada).await.json();
        let all_here = list["items"].as_array().is_some_and(|items| items.len() == 2)
            && list["items"].as_array().expect("items").iter().any(|item| item["actor_count"] == 2);
        all_here.then_some(list)
    })
    .await;
    let like = list["items"].as_array().expect("items").iter().find(|item| item["kind"] == "like").expect("likes");
    let text = like["text"].as_str().expect("text");
    assert!(["bob and 1 other liked your post", "eve and 1 other liked your post"].contains(&text), "{text}");
    assert_eq!((&like["post_id"], &like["read"]), (&json!(post), &json!(false)));
    assert_eq!(list["unread_count"], 2);
    let page = edge.get("/v1/notifications?limit=1", &ada).await.json();
    assert_eq!(page["items"][0], list["items"][0]);
    let next = format!("/v1/notifications?limit=1&cursor={}", page["next_cursor"].as_str().expect("more"));
    assert_eq!(edge.get(&next, &ada).await.json()["items"][0], list["items"][1]);

    let newest = json!({ "up_to": list["items"][0]["id"] });
    let read = edge.post("/v1/notifications/read", &ada, newest).await;
    assert_eq!((read.status.as_u16(), read.json()), (200, json!({ "unread_count": 0 })));
    let list = edge.get("/v1/notifications", &ada).await.json();
    assert!(list["items"].as_array().expect("items").iter().all(|item| item["read"] == true));
    edge.post("/v1/notifications/read", &ada, json!({ "up_to": 7 })).await.is_problem(400, "malformed_request");
    edge.get("/v1/notifications?cursor=x", &ada).await.is_problem(422, "validation_failed");
}
