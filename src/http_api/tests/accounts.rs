//! Accounts and sessions.

use super::support::Edge;
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_person_signs_up_signs_out_and_signs_in_again() {
    let edge = Edge::start().await;
    let body = json!({ "username": "Ada", "password": "long enough", "display_name": " Ada L. " });
    let reply = edge.post("/v1/users", "", body).await;
    assert_eq!(reply.status, 201);
    let user = &reply.json()["user"];
    assert_eq!((user["username"].as_str(), user["display_name"].as_str()), (Some("ada"), Some("Ada L.")));
    assert!(user["id"].is_string() && user["created_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    let token = reply.json()["token"].as_str().expect("token").to_owned();

    assert_eq!(edge.get("/v1/me", &token).await.json()["id"], user["id"]);
    assert_eq!(edge.delete("/v1/sessions/current", &token).await.status, 204);
    let refused = edge.get("/v1/me", &token).await;
    refused.is_problem(401, "unauthenticated");
    assert_eq!(refused.header("www-authenticate"), "Bearer");

    let again = edge.post("/v1/sessions", "", json!({ "username": "ADA", "password": "long enough" })).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.json()["token"], token);
    for (username, password) in [("ada", "wrong one"), ("nobody", "long enough"), ("%", "x"), ("ada", "x")] {
        let body = json!({ "username": username, "password": password });
        edge.post("/v1/sessions", "", body).await.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn names_are_unique_and_rules_are_named() {
    let edge = Edge::start().await;
    edge.person("ada").await;
    let taken = json!({ "username": "ADA", "password": "long enough" });
    edge.post("/v1/users", "", taken).await.is_problem(409, "username_taken");
    for (field, body) in [
        ("username", json!({ "username": "a", "password": "long enough" })),
        ("password", json!({ "username": "grace", "password": "short" })),
        ("display_name", json!({ "username": "grace", "password": "long enough", "display_name": "" })),
    ] {
        assert_eq!(edge.post("/v1/users", "", body).await.is_problem(422, "validation_failed")["field"], field);
    }
}

#[tokio::test]
async fn the_profile_changes_field_by_field() {
    let edge = Edge::start().await;
    let (_, token) = edge.person("ada").await;
    let patch = |body| edge.call(Method::PATCH, "/v1/me", &token, Some(body));
    assert_eq!(patch(json!({ "bio": "first\nprogrammer" })).await.json()["bio"], "first\nprogrammer");
    let reply = patch(json!({ "private": true })).await.json();
    assert_eq!((reply["private"].as_bool(), reply["bio"].as_str()), (Some(true), Some("first\nprogrammer")));
    assert_eq!(patch(json!({})).await.status, 200);
    let bad = patch(json!({ "bio": "x".repeat(301) })).await;
    assert_eq!(bad.is_problem(422, "validation_failed")["field"], "bio");
}

#[tokio::test]
async fn profiles_are_found_by_id_and_by_name() {
    let edge = Edge::start().await;
    let (ada, _) = edge.person("ada").await;
    let (_, token) = edge.person("grace").await;
    for key in [ada.as_str(), "@ada", "@ADA"] {
        let profile = edge.get(&format!("/v1/users/{key}"), &token).await.json();
        assert_eq!(profile["id"], ada.as_str());
        assert_eq!(profile["relationship"]["following"], false);
        assert_eq!(profile["follower_count"], 0);
    }
    for key in ["@nobody", "1", "nonsense", "-1", "@", "%40%20"] {
        edge.get(&format!("/v1/users/{key}"), &token).await.is_problem(404, "not_found");
    }
    edge.get("/v1/users/%ff", &token).await.is_problem(400, "malformed_request");
}
