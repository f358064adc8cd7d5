//! Bad requests, and requests that fail.

use super::support::{Edge, request, send};
use crate::{problem::kinds, router::guarded};
use axum::{Router, body::Body, routing::get};
use futures::{StreamExt, stream};
use http::{Method, Request};
use serde_json::json;
use std::{convert::Infallible, time::Duration};

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let edge = Edge::start().await;
    edge.get("/v1/nothing", "").await.is_problem(404, "not_found");
    edge.get("/%ff", "").await.is_problem(404, "not_found");
    let reply = edge.delete("/v1/users", "").await;
    reply.is_problem(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
    let odd = Method::from_bytes(b"BREW").expect("method");
    edge.call(odd, "/v1/me", "", None).await.is_problem(405, "method_not_allowed");
}

async fn sign_up_with(edge: &Edge, content_type: &str, body: impl Into<Body>) -> super::support::Reply {
    let request = Request::builder().method("POST").uri("/v1/users").header("content-type", content_type);
    edge.send(request.body(body.into()).expect("request")).await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_malformed() {
    let edge = Edge::start().await;
    let bodies: [&[u8]; 10] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{\"username\": \"ada\"}",
        b"{\"username\": 5, \"password\": \"long enough\"}",
        b"{\"username\": \"ada\", \"password\": \"long enough\", \"admin\": true}",
        b"{\"username\": \"ad\xff\", \"password\": \"long enough\"}",
        b"{\"username\": \"ada\", \"password\": \"long enough\"} trailing",
        b"[\"ada\", \"long enough\", null]",
    ];
    for body in bodies {
        sign_up_with(&edge, "application/json", body).await.is_problem(400, "malformed_request");
    }
    let wrong_type = sign_up_with(&edge, "application/json", bodies[5]).await.json();
    assert!(wrong_type["detail"].as_str().is_some_and(|detail| detail.starts_with("username: ")), "{wrong_type}");
    let unknown = sign_up_with(&edge, "application/json", bodies[6]).await.json();
    assert!(unknown["detail"].as_str().is_some_and(|detail| detail.contains("admin")), "{unknown}");
    let deep = "[".repeat(10_000);
    sign_up_with(&edge, "application/json", deep).await.is_problem(400, "malformed_request");
    sign_up_with(&edge, "text/plain", "{}").await.is_problem(415, "unsupported_media_type");
    let large = format!("{{\"username\": \"{}\"}}", "a".repeat(65_536));
    sign_up_with(&edge, "application/json", large).await.is_problem(413, "payload_too_large");
}

#[tokio::test]
async fn only_sane_request_ids_are_kept() {
    let edge = Edge::start().await;
    let id_for = async |sent: &str| {
        let reply = edge.send(request(Method::GET, "/v1/me", "", &[("x-request-id", sent)], None)).await;
        reply.is_problem(401, "unauthenticated");
        reply.header("x-request-id").to_owned()
    };
    assert_eq!(id_for("trace-1.2:3").await, "trace-1.2:3");
    assert_ne!(id_for("two words").await, "two words");
    assert_ne!(id_for(&"x".repeat(65)).await, "x".repeat(65));
    assert_eq!(edge.get("/openapi.json", "").await.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn tokens_must_be_whole() {
    let edge = Edge::start().await;
    let (_, token) = edge.person("ada").await;
    for header in ["Bearer", "Bearer ", "Basic YTpi", token.as_str(), "Bearer tsr_x", &format!("Bearer {token}x")] {
        let reply = edge.send(request(Method::GET, "/v1/me", "", &[("authorization", header)], None)).await;
        reply.is_problem(401, "unauthenticated");
    }
    let header = format!("bearer {token}");
    let reply = edge.send(request(Method::GET, "/v1/me", "", &[("authorization", &header)], None)).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_panic_ends_its_own_request_only() {
    let edge = Edge::start().await;
    let boom = Router::new().route("/boom", get(async || -> &'static str { panic!("on purpose") }));
    let router = guarded(boom, &edge.state).with_state(edge.state.clone());
    for _ in 0..2 {
        let reply = send(&router, request(Method::GET, "/boom", "", &[], None)).await;
        let body = reply.is_problem(500, "internal");
        assert!(!body["detail"].as_str().expect("detail").contains("on purpose"));
    }
}

#[tokio::test]
async fn slow_requests_and_too_many_are_refused() {
    let edge = Edge::start_with(|settings, _| {
        settings.max_concurrent_requests = 1;
        settings.request_timeout = Duration::from_millis(100);
    })
    .await;
    let slow = Router::new().route("/slow", get(async || tokio::time::sleep(Duration::from_secs(60)).await));
    let router = guarded(slow, &edge.state).with_state(edge.state.clone());
    let ask = || request(Method::GET, "/slow", "", &[], None);
    let (first, second) = tokio::join!(send(&router, ask()), send(&router, ask()));
    first.is_problem(503, "unavailable");
    second.is_problem(503, "overloaded");
    assert_eq!(second.header("retry-after"), "1");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_the_client_s_fault() {
    let edge = Edge::start_with(|settings, _| settings.request_timeout = Duration::from_millis(100)).await;
    // Through the keys of idempotency and into a handler: both read it.
    for key in ["", "key-1"] {
        let begun = stream::iter([Ok::<_, Infallible>("{\"username\":")]).chain(stream::pending());
        let mut asked = request(Method::POST, "/v1/users", "", &[("content-type", "application/json")], None);
        if !key.is_empty() {
            asked.headers_mut().insert("idempotency-key", key.parse().expect("a key"));
        }
        let reply = edge.send(asked.map(|_| Body::from_stream(begun))).await;
        reply.is_problem(408, "request_timeout");
        assert_eq!(reply.header("connection"), "close");
    }
}

#[tokio::test]
async fn bodies_in_codings_are_refused() {
    let edge = Edge::start().await;
    let body = json!({ "username": "ada", "password": "long enough" });
    let sent =
        |coding| edge.send(request(Method::POST, "/v1/users", "", &[("content-encoding", coding)], Some(body.clone())));
    let refused = sent("gzip").await;
    let problem = refused.is_problem(415, "unsupported_media_type");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Content-Encoding")), "{problem}");
    assert_eq!(refused.header("accept-encoding"), "identity");
    assert_eq!(sent("Identity").await.status, 201);
}

#[tokio::test]
async fn text_is_compressed_for_who_takes_it() {
    let edge = Edge::start().await;
    let get = |path, taken| edge.send(request(Method::GET, path, "", &[("accept-encoding", taken)], None));
    for path in ["/openapi.json", "/assets/app.js"] {
        let (plain, packed) = (get(path, "identity").await, get(path, "br, gzip").await);
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"), "{path}");
        assert!(packed.bytes.len() * 2 < plain.bytes.len() && packed.bytes.starts_with(&[0x1f, 0x8b]));
        assert!(packed.header("vary").contains("accept-encoding"));
    }
    // Short ones would gain nothing.
    assert_eq!(get("/v1/me", "gzip").await.header("content-encoding"), "");
}

#[tokio::test]
async fn pages_of_named_origins_may_call() {
    const APP: &str = "https://app.example";
    let edge = Edge::start_with(|settings, _| settings.cors_origins = vec![APP.to_owned()]).await;
    let (_, token) = edge.person("ada").await;
    let ask = async |edge: &Edge, path, origin| {
        let headers = [("origin", origin), ("access-control-request-method", "PATCH")];
        let preflight = edge.send(request(Method::OPTIONS, path, "", &headers, None)).await;
        let call = edge.send(request(Method::GET, path, &token, &headers[..1], None)).await;
        (preflight, call)
    };
    let (preflight, call) = ask(&edge, "/v1/me", APP).await;
    assert_eq!((preflight.status.as_u16(), call.status.as_u16()), (200, 200));
    for reply in [&preflight, &call] {
        assert_eq!(reply.header("access-control-allow-origin"), APP);
    }
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    assert!(preflight.header("access-control-allow-headers").contains("authorization"));
    assert!(call.header("access-control-expose-headers").contains("x-request-id"));
    // So may they read refusals.
    let refused = edge.send(request(Method::GET, "/v1/me", "", &[("origin", APP)], None)).await;
    refused.is_problem(401, "unauthenticated");
    assert_eq!(refused.header("access-control-allow-origin"), APP);

    for (path, origin) in [("/v1/me", "https://other.example"), ("/", APP)] {
        let (preflight, call) = ask(&edge, path, origin).await;
        assert_eq!([preflight, call].map(|reply| reply.header("access-control-allow-origin").to_owned()), ["", ""]);
    }
    let (preflight, call) = ask(&Edge::start().await, "/v1/me", APP).await;
    preflight.is_problem(405, "method_not_allowed");
    assert_eq!(call.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn every_reply_says_how_to_treat_it() {
    let edge = Edge::start().await;
    let (_, token) = edge.person("ada").await;
    let reply = edge.get("/v1/me", &token).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let reply = edge.post("/v1/users", "", json!({})).await;
    assert_eq!(reply.header("cache-control"), "no-store");
}

/// The codes that clients may rely on, with their statuses.
#[test]
fn the_table_of_problems_is_the_contract() {
    let contract = [
        ("validation_failed", 422),
        ("malformed_request", 400),
        ("unauthenticated", 401),
        ("request_timeout", 408),
        ("forbidden", 403),
        ("not_found", 404),
        ("duplicate_like", 409),
        ("username_taken", 409),
        ("payload_too_large", 413),
        ("unsupported_media_type", 415),
        ("quota_exceeded", 429),
        ("rate_limited", 429),
        ("overloaded", 503),
        ("unavailable", 503),
    ];
    let table: Vec<(&str, u16)> = kinds::ALL.iter().map(|kind| (kind.code(), kind.status().as_u16())).collect();
    for row in contract {
        assert!(table.contains(&row), "{row:?}");
    }
    let mut codes: Vec<&str> = table.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), table.len(), "each code means one thing");
}
