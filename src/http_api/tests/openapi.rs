//! The document and the routes say the same.

use super::support::{Edge, request, send};
use crate::{admin, openapi_document};
use axum::Router;
use http::Method;
use serde_json::Value;
use std::{collections::HashSet, fs, path::Path};

/// Rows of the API's contract that stand already.
const CONTRACT: &[(&str, &str)] = &[
    ("post", "/v1/users"),
    ("post", "/v1/sessions"),
    ("delete", "/v1/sessions/current"),
    ("get", "/v1/me"),
    ("patch", "/v1/me"),
    ("get", "/v1/users/{id}"),
    ("get", "/v1/users/{id}/followers"),
    ("get", "/v1/users/{id}/following"),
    ("put", "/v1/users/{id}/follow"),
    ("delete", "/v1/users/{id}/follow"),
    ("put", "/v1/users/{id}/block"),
    ("delete", "/v1/users/{id}/block"),
    ("put", "/v1/users/{id}/mute"),
    ("delete", "/v1/users/{id}/mute"),
    ("get", "/v1/users/{id}/posts"),
    ("get", "/v1/feed"),
    ("post", "/v1/feed/views"),
    ("get", "/v1/posts/{id}"),
    ("patch", "/v1/posts/{id}"),
    ("delete", "/v1/posts/{id}"),
    ("post", "/v1/posts/{id}/likes"),
    ("delete", "/v1/posts/{id}/likes"),
    ("get", "/v1/posts/{id}/likes"),
    ("post", "/v1/posts/{id}/comments"),
    ("get", "/v1/posts/{id}/comments"),
    ("delete", "/v1/comments/{id}"),
    ("get", "/v1/notifications"),
    ("post", "/v1/notifications/read"),
    ("post", "/v1/uploads"),
    ("post", "/v1/uploads/{upload_id}/complete"),
    ("get", "/v1/uploads/{upload_id}"),
    ("get", "/openapi.json"),
    ("get", "/docs"),
    ("get", "/"),
    ("get", "/assets/{file}"),
    ("get", "/media/{user_id}/{upload_id}/{file_name}"),
    ("get", "/demo/people.json"),
];

const OPERATORS: &[(&str, &str)] = &[
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
    ("get", "/admin/cluster"),
    ("get", "/admin/actors"),
    ("get", "/admin/breakers"),
    ("post", "/admin/breakers/{name}"),
    ("post", "/admin/drain"),
    ("get", "/admin/backlog"),
    ("get", "/admin/jobs"),
    ("post", "/admin/jobs/{id}/retry"),
    ("get", "/admin/events"),
    ("post", "/admin/events/{id}/retry"),
    ("get", "/admin/ads"),
    ("post", "/admin/ads"),
    ("post", "/admin/chaos"),
];

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().expect("item").clone();
        let path = path.clone();
        item.into_iter().map(move |(method, operation)| (method, path.clone(), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

fn assert_covers(document: &Value, rows: &[(&str, &str)]) {
    let there: HashSet<(String, String)> = operations(document).into_iter().map(|(m, p, _)| (m, p)).collect();
    for (method, path) in rows {
        assert!(there.contains(&((*method).to_owned(), (*path).to_owned())), "{method} {path} is not described");
    }
}

/// What is described is mounted: a call reaches a handler and not the fallbacks.
async fn assert_mounted(router: &Router, document: &Value) {
    for (method, path, _) in operations(document) {
        let path = path.replace(['{', '}'], "");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("method");
        let reply = send(router, request(method.clone(), &path, "", &[], None)).await;
        let detail = reply.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(!detail.starts_with("nothing is served") && reply.status != 405, "{method} {path}: {detail}");
    }
}

#[tokio::test]
async fn everything_described_is_mounted() {
    let edge = Edge::start().await;
    let public = edge.get("/openapi.json", "").await.json();
    assert_eq!(public["openapi"], "3.1.0");
    assert_covers(&public, CONTRACT);
    assert_mounted(&edge.public, &public).await;
    let operators = serde_json::to_value(admin::openapi_document()).expect("json");
    assert_covers(&operators, OPERATORS);
    assert_mounted(&edge.admin, &operators).await;
}

/// What is mounted is described, because `routes!` does both at once: nothing is mounted in another way.
#[test]
fn everything_is_mounted_through_the_macro() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("folder") {
            let path = entry.expect("entry").path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("source");
                for other in [".route(", ".route_service(", ".nest_service("] {
                    assert!(!source.contains(other), "{} mounts by {other}", path.display());
                }
            }
        }
    }
}

#[test]
fn operations_are_described_well() {
    let document = serde_json::to_value(openapi_document()).expect("json");
    let mut ids = HashSet::new();
    for (method, path, operation) in operations(&document) {
        let place = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{place}: summary");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{place}: tags");
        assert!(ids.insert(operation["operationId"].clone()), "{place}: operationId");
        assert!(operation["responses"]["default"].is_object(), "{place}: problems");
    }
    let references = serde_json::to_string(&document).expect("json");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for part in references.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("name");
        assert!(schemas.contains_key(name), "{name} is referenced and not described");
    }
}
