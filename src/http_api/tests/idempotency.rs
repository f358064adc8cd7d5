//! Idempotency keys.

use super::support::{Edge, Reply, request};
use http::Method;
use serde_json::{Value, json};

async fn post(edge: &Edge, path: &str, token: &str, key: &str, body: Value) -> Reply {
    edge.send(request(Method::POST, path, token, &[("idempotency-key", key)], Some(body))).await
}

fn upload() -> Value {
    json!({ "filename": "a.jpg", "file_size": 5, "content_type": "image/jpeg" })
}

#[tokio::test]
async fn the_same_request_gets_its_first_reply_again() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    let first = post(&edge, "/v1/uploads", &ada, "key-1", upload()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replayed")), (201, ""));
    let again = post(&edge, "/v1/uploads", &ada, "key-1", upload()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(first.json(), again.json());
    // Keys are everybody's own.
    let other = post(&edge, "/v1/uploads", &grace, "key-1", upload()).await;
    assert_ne!(first.json()["upload_id"], other.json()["upload_id"]);
    let changed = json!({ "filename": "b.jpg", "file_size": 6, "content_type": "image/jpeg" });
    let refused = post(&edge, "/v1/uploads", &ada, "key-1", changed).await;
    assert_eq!(refused.is_problem(422, "validation_failed")["field"], "idempotency_key");
}

#[tokio::test]
async fn lasting_refusals_are_kept_and_passing_ones_are_not() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let bad = json!({ "filename": "a.jpg", "file_size": 0, "content_type": "image/jpeg" });
    post(&edge, "/v1/uploads", &ada, "bad", bad.clone()).await.is_problem(422, "validation_failed");
    let again = post(&edge, "/v1/uploads", &ada, "bad", bad).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (422, "true"));
    assert_eq!(again.header("content-type"), "application/problem+json");

    let ticket = post(&edge, "/v1/uploads", &ada, "good", upload()).await.json();
    let path = format!("/v1/uploads/{}/complete", ticket["upload_id"].as_str().expect("id"));
    post(&edge, &path, &ada, "complete", json!({})).await.is_problem(422, "validation_failed");
    edge.put_object(ticket["object_key"].as_str().expect("key"), "image/jpeg", b"12345").await;
    assert_eq!(post(&edge, &path, &ada, "complete", json!({})).await.status, 202);
}

#[tokio::test]
async fn a_sign_up_is_repeated_without_storing_its_token() {
    let edge = Edge::start().await;
    let body = json!({ "username": "ada", "password": "long enough" });
    let first = post(&edge, "/v1/users", "", "new", body.clone()).await;
    let again = post(&edge, "/v1/users", "", "new", body.clone()).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json(), again.json());
    post(&edge, "/v1/users", "", "other", body).await.is_problem(409, "username_taken");
}

#[tokio::test]
async fn a_used_key_does_not_hide_that_a_path_takes_another_method() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    assert_eq!(post(&edge, "/v1/uploads", &ada, "key-1", upload()).await.status, 201);
    for (method, path) in [(Method::PATCH, "/v1/uploads"), (Method::POST, "/v1/me")] {
        let request = request(method, path, &ada, &[("idempotency-key", "key-1")], Some(upload()));
        edge.send(request).await.is_problem(405, "method_not_allowed");
    }
    post(&edge, "/v1/nothing", &ada, "key-1", upload()).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn of_two_at_once_one_runs() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (one, two) = tokio::join!(
        post(&edge, "/v1/uploads", &ada, "twice", upload()),
        post(&edge, "/v1/uploads", &ada, "twice", upload())
    );
    let statuses = [one.status.as_u16(), two.status.as_u16()];
    assert!(statuses.contains(&201), "{statuses:?}");
    assert!(statuses == [201, 409] || statuses == [409, 201] || one.json() == two.json(), "{statuses:?}");
    assert_eq!(post(&edge, "/v1/uploads", &ada, "twice", upload()).await.status, 201);
}

#[tokio::test]
async fn keys_are_short_and_visible() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    for key in ["", "two words", &"x".repeat(256)] {
        let reply = post(&edge, "/v1/uploads", &ada, key, upload()).await;
        assert_eq!(reply.is_problem(422, "validation_failed")["field"], "idempotency_key", "{key:?}");
    }
    assert_eq!(post(&edge, "/v1/uploads", &ada, &"x".repeat(255), upload()).await.status, 201);
}
