//! The web page and its files.

use super::support::{Edge, request};
use bytes::Bytes;
use http::Method;

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy() {
    let edge = Edge::start().await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
    ] {
        let reply = edge.get(path, "").await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, content_type), "{path}");
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        let etag = reply.header("etag").to_owned();
        let cached = edge.send(request(Method::GET, path, "", &[("if-none-match", &etag)], None)).await;
        assert_eq!((cached.status.as_u16(), cached.bytes.len()), (304, 0));
    }
    edge.get("/assets/nothing.js", "").await.is_problem(404, "not_found");
    edge.get("/assets/..%2fCargo.toml", "").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn demo_people_exist_only_in_demos() {
    let edge = Edge::start().await;
    edge.get("/demo/people.json", "").await.is_problem(404, "not_found");
    let edge = Edge::start_with(|settings, _| settings.demo_people = Some(Bytes::from_static(b"[]"))).await;
    let reply = edge.get("/demo/people.json", "").await;
    assert_eq!((reply.status.as_u16(), &reply.bytes[..]), (200, &b"[]"[..]));
}
