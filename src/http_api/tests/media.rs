//! Public media.

use super::support::{Edge, request};
use http::Method;

const PATH: &str = "/media/7/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/large.jpg";
const KEY: &str = "media/7/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/large.jpg";

#[tokio::test]
async fn a_picture_is_served_for_good() {
    let edge = Edge::start().await;
    edge.put_object(KEY, "image/jpeg", b"0123456789").await;
    let reply = edge.get(PATH, "").await;
    assert_eq!((reply.status.as_u16(), &reply.bytes[..]), (200, &b"0123456789"[..]));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("content-length", "10"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "inline"),
        ("content-security-policy", "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("access-control-allow-origin", "*"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    let etag = reply.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'));

    let head = edge.call(Method::HEAD, PATH, "", None).await;
    assert_eq!((head.status.as_u16(), head.bytes.len(), head.header("content-length")), (200, 0, "10"));
    assert_eq!(head.header("etag"), etag);
    let cached = edge.send(request(Method::GET, PATH, "", &[("if-none-match", &etag)], None)).await;
    assert_eq!((cached.status.as_u16(), cached.bytes.len()), (304, 0));
}

#[tokio::test]
async fn no_answer_about_a_file_lets_it_run_anything() {
    let edge = Edge::start().await;
    edge.put_object(KEY, "text/html", b"<script>alert(1)</script>").await;
    let whole = edge.get(PATH, "").await;
    let etag = whole.header("etag").to_owned();
    let part = edge.send(request(Method::GET, PATH, "", &[("range", "bytes=0-7")], None)).await;
    let unchanged = edge.send(request(Method::GET, PATH, "", &[("if-none-match", &etag)], None)).await;
    let head = edge.call(Method::HEAD, PATH, "", None).await;
    for (status, reply) in [(200, whole), (206, part), (304, unchanged), (200, head)] {
        assert_eq!(reply.status, status);
        if status != 304 {
            assert_eq!(reply.header("content-type"), "image/jpeg", "the address decides, not the store");
        }
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{status}");
        assert_eq!(reply.header("content-disposition"), "inline", "{status}");
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{status}: {policy}");
    }
    let outside = edge.send(request(Method::GET, PATH, "", &[("range", "bytes=99-")], None)).await;
    assert_eq!((outside.status.as_u16(), outside.header("x-content-type-options")), (416, "nosniff"));
    assert_eq!(outside.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn single_ranges_are_served() {
    let edge = Edge::start().await;
    edge.put_object(KEY, "image/jpeg", b"0123456789").await;
    let part = async |range: &str| edge.send(request(Method::GET, PATH, "", &[("range", range)], None)).await;
    for (range, bytes, content_range) in
        [("bytes=2-4", "234", "bytes 2-4/10"), ("bytes=8-", "89", "bytes 8-9/10"), ("bytes=-3", "789", "bytes 7-9/10")]
    {
        let reply = part(range).await;
        assert_eq!((reply.status.as_u16(), &reply.bytes[..]), (206, bytes.as_bytes()), "{range}");
        assert_eq!(reply.header("content-range"), content_range);
        assert_eq!(reply.header("content-length"), bytes.len().to_string());
    }
    let outside = part("bytes=10-").await;
    outside.is_problem(416, "range_not_satisfiable");
    assert_eq!(outside.header("content-range"), "bytes */10");
    assert_eq!(part("bytes=0-1,4-5").await.status, 200, "several ranges get the whole");
    let stale = [("range", "bytes=2-4"), ("if-range", "\"old\"")];
    assert_eq!(edge.send(request(Method::GET, PATH, "", &stale, None)).await.status, 200);
}

#[tokio::test]
async fn nothing_else_of_the_store_is_served() {
    let edge = Edge::start().await;
    edge.put_object("uploads/7/1/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8.jpg", "image/jpeg", b"private").await;
    for path in [
        PATH,
        "/media/7/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/original.jpg",
        "/media/7/nonsense/large.jpg",
        "/media/x/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/large.jpg",
        "/media/7/..%2f..%2fuploads/large.jpg",
    ] {
        let reply = edge.get(path, "").await;
        reply.is_problem(404, "not_found");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}
