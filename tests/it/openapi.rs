//! The description and the routes are the same thing.

use crate::Node;
use reqwest::Method;
use tessera_tests::Api;

#[tokio::test]
async fn every_described_operation_is_served() {
    let node = Node::start(&[]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let post_id = ada.post_picture(1, "").await.post_id;
    let document = api.fetch(&api.url("/openapi.json"), &[]).await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    let document = document.json();
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));

    let mut served = 0;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for method in operations.as_object().expect("operations").keys().filter(|key| *key != "parameters") {
            // The session that the calls are made with must last; the demo's people exist in demos only.
            if path.starts_with("/v1/sessions/") || path.starts_with("/demo/") {
                continue;
            }
            let of_post = if path.starts_with("/v1/posts/") { &post_id } else { &ada.id };
            let path = path.replace("{id}", of_post).replace("{upload_id}", "17");
            let path = path.replace("{user_id}", "1").replace("{file_name}", "large.jpg");
            let method: Method = method.to_uppercase().parse().expect("a method");
            if method == Method::DELETE && path == format!("/v1/posts/{post_id}") {
                continue;
            }
            let reply = Api::send(api.request(method.clone(), &path).bearer_auth(&ada.token)).await;
            assert!(reply.status < 500, "{method} {path}: {}", reply.text());
            assert_ne!(reply.status, 405, "{method} {path}");
            let unserved =
                reply.json()["detail"].as_str().is_some_and(|detail| detail.starts_with("nothing is served"));
            assert!(!unserved, "{method} {path} is described and not served");
            served += 1;
        }
    }
    assert!(served >= 30, "{served} operations");
}

#[tokio::test]
async fn every_call_of_the_contract_is_described() {
    let node = Node::start(&[]);
    let api = node.api();
    let document = api.fetch(&api.url("/openapi.json"), &[]).await.json();
    let contract = [
        ("/v1/users", "post"),
        ("/v1/sessions", "post"),
        ("/v1/sessions/current", "delete"),
        ("/v1/me", "get patch"),
        ("/v1/users/{id}", "get"),
        ("/v1/users/{id}/posts", "get"),
        ("/v1/users/{id}/followers", "get"),
        ("/v1/users/{id}/following", "get"),
        ("/v1/users/{id}/follow", "put delete"),
        ("/v1/users/{id}/block", "put delete"),
        ("/v1/users/{id}/mute", "put delete"),
        ("/v1/uploads", "post"),
        ("/v1/uploads/{upload_id}", "get"),
        ("/v1/uploads/{upload_id}/complete", "post"),
        ("/v1/feed", "get"),
        ("/v1/feed/views", "post"),
        ("/v1/posts/{id}", "get patch delete"),
        ("/v1/posts/{id}/likes", "post delete get"),
        ("/v1/posts/{id}/comments", "post get"),
        ("/v1/comments/{id}", "delete"),
        ("/v1/posts/{id}/similar", "get"),
        ("/v1/search/visual", "post"),
        ("/v1/notifications", "get"),
        ("/v1/notifications/read", "post"),
    ];
    for (path, methods) in contract {
        for method in methods.split(' ') {
            let operation = &document["paths"][path][method];
            assert!(operation.is_object(), "{method} {path} is in the contract and not described");
            assert!(operation["responses"]["default"].is_object(), "{method} {path} says how it refuses");
        }
    }
}
