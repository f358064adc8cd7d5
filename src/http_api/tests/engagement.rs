//! Likes and comments.

use super::{
    support::{Edge, request},
    world::text,
};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_like_counts_once() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, eve) = edge.person("eve").await;
    let id = edge.publish(&ada, "").await;
    let (post, likes) = (format!("/v1/posts/{id}"), format!("/v1/posts/{id}/likes"));

    let liked = edge.post(&likes, &eve, Value::Null).await;
    assert_eq!((liked.status.as_u16(), liked.json()), (201, json!({ "like_count": 1 })));
    edge.post(&likes, &eve, Value::Null).await.is_problem(409, "duplicate_like");
    assert_eq!(edge.post(&likes, &ada, Value::Null).await.json(), json!({ "like_count": 2 }));
    let seen = edge.get(&post, &eve).await.json();
    assert_eq!((&seen["liked"], &seen["like_count"]), (&json!(true), &json!(2)));
    let likers = edge.get(&format!("{likes}?limit=1"), &ada).await.json();
    assert_eq!(likers["items"][0]["username"], "ada", "newest first");
    let rest = edge.get(&format!("{likes}?cursor={}", text(&likers["next_cursor"])), &ada).await.json();
    assert_eq!((&rest["items"][0]["username"], &rest["next_cursor"]), (&json!("eve"), &Value::Null));

    for _ in 0..2 {
        let unliked = edge.delete(&likes, &eve).await;
        assert_eq!((unliked.status.as_u16(), unliked.json()), (200, json!({ "like_count": 1 })));
    }
    assert_eq!(edge.get(&post, &eve).await.json()["liked"], false);
    edge.post("/v1/posts/77/likes", &eve, Value::Null).await.is_problem(404, "not_found");
    edge.delete("/v1/posts/77/likes", &eve).await.is_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_likes_add_up() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let id = edge.publish(&ada, "").await;
    let likes = format!("/v1/posts/{id}/likes");
    let mut fans = Vec::new();
    for number in 0..20 {
        fans.push(edge.person(&format!("fan{number}")).await.1);
    }
    // Everybody likes twice at the same time: one of the two counts.
    let tries = fans.iter().chain(&fans).map(|fan| edge.post(&likes, fan, Value::Null));
    let replies = join_all(tries).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 20);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 20);
    assert_eq!(edge.get(&format!("/v1/posts/{id}"), &ada).await.json()["like_count"], 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_listed_oldest_first_and_deleted_by_those_who_may() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (bob_id, bob) = edge.person("bob").await;
    let (_, eve) = edge.person("eve").await;
    let id = edge.publish(&ada, "").await;
    let path = format!("/v1/posts/{id}/comments");
    let added = edge.post(&path, &bob, json!({ "text": "  lovely  " })).await;
    assert_eq!(added.status, 201);
    let first = added.json();
    assert_eq!((&first["text"], &first["comment_count"]), (&json!("lovely"), &json!(1)));
    assert_eq!((&first["author"]["username"], &first["post_id"]), (&json!("bob"), &json!(id)));
    let second = edge.post(&path, &eve, json!({ "text": "where is it?" })).await.json();
    for bad in [json!({ "text": "" }), json!({ "text": "x".repeat(1_001) })] {
        assert_eq!(edge.post(&path, &eve, bad).await.is_problem(422, "validation_failed")["field"], "text");
    }

    let page = edge.get(&format!("{path}?limit=1"), &ada).await.json();
    assert_eq!(page["items"][0]["id"], first["id"]);
    let rest = edge.get(&format!("{path}?limit=1&cursor={}", text(&page["next_cursor"])), &ada).await.json();
    assert_eq!((&rest["items"][0]["id"], &rest["next_cursor"]), (&second["id"], &Value::Null));
    // Whom eve blocks she does not read; the others still do.
    assert_eq!(edge.put(&format!("/v1/users/{bob_id}/block"), &eve).await.status, 204);
    let seen = edge.get(&format!("{path}?limit=1"), &eve).await.json();
    assert_eq!((&seen["items"][0]["id"], &seen["next_cursor"]), (&second["id"], &Value::Null));

    let comment = |comment: &Value| format!("/v1/comments/{}", text(&comment["id"]));
    edge.delete(&comment(&first), &eve).await.is_problem(403, "forbidden");
    assert_eq!(edge.delete(&comment(&first), &ada).await.status, 204, "the post's author may");
    edge.delete(&comment(&first), &bob).await.is_problem(404, "not_found");
    assert_eq!(edge.delete(&comment(&second), &eve).await.status, 204);
    assert_eq!(edge.get(&format!("/v1/posts/{id}"), &ada).await.json()["comment_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_under_one_key_is_made_once() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let id = edge.publish(&ada, "").await;
    let path = format!("/v1/posts/{id}/comments");
    let send = || request(Method::POST, &path, &ada, &[("idempotency-key", "k1")], Some(json!({ "text": "once" })));
    let first = edge.send(send()).await.json();
    assert_eq!(edge.send(send()).await.json(), first);
    assert_eq!(edge.get(&path, &ada).await.json()["items"].as_array().map(Vec::len), Some(1));
}
