//! Bad requests: each gets the documented problem and changes nothing.

use crate::Node;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tessera_tests::{Api, Person, Reply, fixture, small_jpeg};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Two people, a post of the second one, and an upload of the second one that is still pending.
struct World {
    _node: Node,
    api: Api,
    ada: Person,
    bob: Person,
    post_id: String,
    upload_id: String,
}

impl World {
    async fn new() -> Self {
        let node = Node::start(&[]);
        let api = node.api();
        let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
        let post_id = bob.post_picture(1, "bob's").await.post_id;
        let upload = bob.create_upload("image/jpeg", 1_000).await.expect("an upload");
        let upload_id = upload["upload_id"].as_str().expect("an id").to_owned();
        Self { _node: node, api, ada, bob, post_id, upload_id }
    }

    /// Everything that a refused request could have changed, as its owners see it.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for person in [&self.ada, &self.bob] {
            for path in ["/v1/me", "/v1/notifications"] {
                state.push(person.get(path).await.expect("readable"));
            }
            for list in ["posts", "followers", "following"] {
                state.push(person.list(&format!("/v1/users/{}/{list}", person.id)).await.into());
            }
        }
        state.push(self.bob.get(&format!("/v1/posts/{}", self.post_id)).await.expect("readable"));
        state.push(self.bob.list(&format!("/v1/posts/{}/comments", self.post_id)).await.into());
        state.push(self.bob.get(&format!("/v1/uploads/{}", self.upload_id)).await.expect("readable"));
        state
    }

    /// Sends what `ada` sends, with a JSON body or a raw one, and checks the refusal.
    async fn refuses(&self, method: &str, path: &str, body: Body<'_>, status: u16, code: &str) {
        let path = path.replace("{post}", &self.post_id).replace("{upload}", &self.upload_id);
        let path = path.replace("{ada}", &self.ada.id).replace("{bob}", &self.bob.id);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.api.request(method.clone(), &path).bearer_auth(&self.ada.token);
        let request = match body {
            Body::None => request,
            Body::Json(value) => request.json(&value),
            Body::Raw(content_type, bytes) => request.header("content-type", content_type).body(bytes.to_owned()),
        };
        check_problem(&format!("{method} {path}"), &Api::send(request).await, status, code);
    }
}

enum Body<'a> {
    None,
    Json(Value),
    Raw(&'a str, &'a str),
}

/// The refusal is a problem as RFC 9457 and the contract have it.
fn check_problem(what: &str, reply: &Reply, status: u16, code: &str) {
    let body = reply.json();
    assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{what}: {}", reply.text());
    assert_eq!(reply.header("content-type"), "application/problem+json", "{what}");
    assert_eq!(body["status"], status, "{what}");
    let request_id = body["request_id"].as_str().unwrap_or_default();
    assert!(!request_id.is_empty() && request_id == reply.header("x-request-id"), "{what}: {body}");
    for field in ["type", "title", "detail"] {
        assert!(!body[field].as_str().unwrap_or_default().is_empty(), "{what}: {field} of {body}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_and_change_nothing() {
    let world = World::new().await;
    let before = world.state().await;
    let json = "application/json";
    let oversized = format!(r#"{{"text": "{}"}}"#, "x".repeat(80_000));
    let cases: &[(&str, &str, Body, u16, &str)] = &[
        ("POST", "/v1/uploads", Body::Raw(json, "{"), 400, "malformed_request"),
        ("POST", "/v1/uploads", Body::Raw(json, ""), 400, "malformed_request"),
        ("POST", "/v1/uploads", Body::Raw(json, "[]"), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Raw(json, "{\"text\": \"a\"} trailing"), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Json(json!({ "text": 7 })), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Json(json!({})), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Json(json!({ "text": "a", "x": 1 })), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Raw(json, "\u{1}\u{2}"), 400, "malformed_request"),
        ("POST", "/v1/posts/{post}/comments", Body::Raw(json, &oversized), 413, "payload_too_large"),
        ("POST", "/v1/posts/{post}/comments", Body::Raw("text/plain", "hi"), 415, "unsupported_media_type"),
        ("PATCH", "/v1/me", Body::Json(json!({ "private": "yes" })), 400, "malformed_request"),
        ("PATCH", "/v1/me", Body::Json(json!({ "username": "eve" })), 400, "malformed_request"),
        ("PATCH", "/v1/posts/{post}", Body::Json(json!({ "caption": [] })), 400, "malformed_request"),
        ("POST", "/v1/notifications/read", Body::Json(json!({ "up_to": {} })), 400, "malformed_request"),
        ("POST", "/v1/users", Body::Json(json!({ "username": "eve" })), 400, "malformed_request"),
    ];
    check_table(&world, cases).await;
    assert_eq!(world.state().await, before);
}

async fn check_table(world: &World, cases: &[(&str, &str, Body<'_>, u16, &str)]) {
    for (method, path, body, status, code) in cases {
        let body = match body {
            Body::None => Body::None,
            Body::Json(value) => Body::Json(value.clone()),
            Body::Raw(content_type, text) => Body::Raw(content_type, text),
        };
        world.refuses(method, path, body, *status, code).await;
    }
}

#[tokio::test]
async fn values_that_are_not_acceptable_are_refused_and_change_nothing() {
    let world = World::new().await;
    let before = world.state().await;
    let upload = |size: Value, content_type: &str| {
        Body::Json(json!({ "filename": "a.jpg", "file_size": size, "content_type": content_type }))
    };
    let sign_up = |name: &str, password: &str| Body::Json(json!({ "username": name, "password": password }));
    let text = |length: usize| Body::Json(json!({ "text": "x".repeat(length) }));
    let invalid = "validation_failed";
    let cases: &[(&str, &str, Body, u16, &str)] = &[
        ("POST", "/v1/uploads", upload(0.into(), "image/jpeg"), 422, invalid),
        ("POST", "/v1/uploads", upload(52_428_801.into(), "image/jpeg"), 422, invalid),
        ("POST", "/v1/uploads", upload((-1).into(), "image/jpeg"), 400, "malformed_request"),
        ("POST", "/v1/uploads", upload(1.5.into(), "image/jpeg"), 400, "malformed_request"),
        ("POST", "/v1/uploads", upload(10.into(), "image/svg+xml"), 422, invalid),
        ("POST", "/v1/uploads", upload(10.into(), "text/html"), 422, invalid),
        ("POST", "/v1/uploads", upload(10.into(), ""), 422, invalid),
        ("POST", "/v1/uploads/{upload}/complete", Body::None, 404, "not_found"),
        ("POST", "/v1/posts/{post}/comments", text(0), 422, invalid),
        ("POST", "/v1/posts/{post}/comments", text(1_001), 422, invalid),
        ("POST", "/v1/users", sign_up("ab", "long enough"), 422, invalid),
        ("POST", "/v1/users", sign_up("no spaces", "long enough"), 422, invalid),
        ("POST", "/v1/users", sign_up("eve", "short"), 422, invalid),
        ("POST", "/v1/users", sign_up("ADA", "long enough"), 409, "username_taken"),
        ("POST", "/v1/sessions", sign_up("ada", "not the password"), 401, "unauthenticated"),
        ("POST", "/v1/sessions", sign_up("nobody_at_all", "not the password"), 401, "unauthenticated"),
        ("PATCH", "/v1/me", Body::Json(json!({ "display_name": "" })), 422, invalid),
        ("PATCH", "/v1/me", Body::Json(json!({ "bio": "x".repeat(301) })), 422, invalid),
        ("PUT", "/v1/users/{ada}/follow", Body::None, 422, invalid),
        ("PUT", "/v1/users/{ada}/block", Body::None, 422, invalid),
        ("PUT", "/v1/users/{ada}/mute", Body::None, 422, invalid),
        ("GET", "/v1/feed?limit=0", Body::None, 422, invalid),
        ("GET", "/v1/feed?limit=101", Body::None, 422, invalid),
        ("GET", "/v1/feed?limit=many", Body::None, 422, invalid),
        ("GET", "/v1/feed?cursor=nonsense", Body::None, 422, invalid),
        ("GET", "/v1/feed?offset=-1", Body::None, 422, invalid),
        ("GET", "/v1/feed?offset=10001", Body::None, 422, invalid),
        ("GET", "/v1/feed?include_seen=perhaps", Body::None, 422, invalid),
        ("GET", "/v1/users/{bob}/posts?limit=0", Body::None, 422, invalid),
        ("GET", "/v1/users/{bob}/followers?cursor=%F0%9F", Body::None, 422, invalid),
        ("GET", "/v1/posts/{post}/likes?cursor=Zm9v", Body::None, 422, invalid),
        ("GET", "/v1/notifications?limit=1000", Body::None, 422, invalid),
    ];
    check_table(&world, cases).await;
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn unknown_and_foreign_things_are_refused_and_stay_as_they_are() {
    let world = World::new().await;
    let before = world.state().await;
    let comment = world.bob.post(&format!("/v1/posts/{}/comments", world.post_id), json!({ "text": "mine" })).await;
    let comment = comment.expect("a comment")["id"].as_str().expect("an id").to_owned();
    let foreign = format!("/v1/comments/{comment}");
    let unknown = "not_found";
    let no_upload = "/v1/uploads/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8";
    let cases: &[(&str, &str, Body, u16, &str)] = &[
        ("GET", "/v1/nothing", Body::None, 404, unknown),
        ("GET", "/v1/users/1", Body::None, 404, unknown),
        ("GET", "/v1/users/@nobody_at_all", Body::None, 404, unknown),
        ("GET", "/v1/users/x%00y", Body::None, 404, unknown),
        ("PUT", "/v1/users/1/follow", Body::None, 404, unknown),
        ("PUT", "/v1/users/1/block", Body::None, 404, unknown),
        ("GET", "/v1/posts/1", Body::None, 404, unknown),
        ("GET", "/v1/posts/99999999999999999999999", Body::None, 404, unknown),
        ("PATCH", "/v1/posts/1", Body::Json(json!({ "caption": "x" })), 404, unknown),
        ("DELETE", "/v1/posts/1", Body::None, 404, unknown),
        ("POST", "/v1/posts/1/likes", Body::None, 404, unknown),
        ("DELETE", "/v1/posts/1/likes", Body::None, 404, unknown),
        ("GET", "/v1/posts/1/likes", Body::None, 404, unknown),
        ("POST", "/v1/posts/1/comments", Body::Json(json!({ "text": "x" })), 404, unknown),
        ("DELETE", "/v1/comments/1", Body::None, 404, unknown),
        ("GET", no_upload, Body::None, 404, unknown),
        ("GET", "/v1/uploads/17", Body::None, 404, unknown),
        ("GET", "/media/1/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/large.jpg", Body::None, 404, unknown),
        ("GET", "/media/..%2f..%2fledger.sqlite/x/large.jpg", Body::None, 404, unknown),
        ("POST", "/v1/feed", Body::None, 405, "method_not_allowed"),
        // Somebody else's.
        ("GET", "/v1/uploads/{upload}", Body::None, 404, unknown),
        ("POST", "/v1/uploads/{upload}/complete", Body::Json(json!({ "caption": "stolen" })), 404, unknown),
        ("PATCH", "/v1/posts/{post}", Body::Json(json!({ "caption": "stolen" })), 403, "forbidden"),
        ("DELETE", "/v1/posts/{post}", Body::None, 403, "forbidden"),
        ("DELETE", &foreign, Body::None, 403, "forbidden"),
    ];
    check_table(&world, cases).await;
    world.bob.delete(&foreign).await.expect("the owner deletes it");
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn a_second_like_is_refused_and_not_counted() {
    let world = World::new().await;
    let likes = format!("/v1/posts/{}/likes", world.post_id);
    world.ada.post_empty(&likes).await.expect("liked");
    world.refuses("POST", &likes, Body::None, 409, "duplicate_like").await;
    assert_eq!(world.bob.get(&format!("/v1/posts/{}", world.post_id)).await.expect("the post")["like_count"], 1);
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_shown_or_done() {
    let world = World::new().await;
    let revoked = world.api.log_in("ada").await;
    revoked.get("/v1/me").await.expect("the token works");
    revoked.delete("/v1/sessions/current").await.expect("logs out");
    let foreign = "tsr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let tokens = [None, Some(""), Some("nonsense"), Some(foreign), Some(revoked.token.as_str())];
    let post = format!("/v1/posts/{}", world.post_id);
    let calls = [
        (Method::GET, "/v1/me".to_owned()),
        (Method::GET, "/v1/feed".to_owned()),
        (Method::GET, post.clone()),
        (Method::DELETE, post.clone()),
        (Method::POST, format!("{post}/likes")),
        (Method::GET, "/v1/notifications".to_owned()),
        (Method::PUT, format!("/v1/users/{}/follow", world.bob.id)),
        (Method::POST, "/v1/uploads".to_owned()),
    ];
    for token in tokens {
        for (method, path) in &calls {
            let request = world.api.request(method.clone(), path);
            let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
            let reply = Api::send(request).await;
            check_problem(&format!("{method} {path} with {token:?}"), &reply, 401, "unauthenticated");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
    }
    let basic = world.api.request(Method::GET, "/v1/me").basic_auth("ada", Some("correct horse battery"));
    check_problem("basic authentication", &Api::send(basic).await, 401, "unauthenticated");
    world.ada.get("/v1/me").await.expect("the other session goes on");
    assert_eq!(world.bob.get("/v1/me").await.expect("bob")["follower_count"], 0);
}

#[tokio::test]
async fn the_object_store_takes_exactly_what_was_signed() {
    let world = World::new().await;
    let bytes = small_jpeg(1);
    let ticket = world.ada.create_upload("image/jpeg", bytes.len()).await.expect("an upload");
    let url = ticket["presigned_url"].as_str().expect("a URL");
    let put = |url: String, content_type: &'static str, body: Vec<u8>| {
        let client = world.api.client().clone();
        async move { client.put(url).header("content-type", content_type).body(body).send().await.map(|r| r.status()) }
    };
    let expired = tampered(url, "X-Amz-Date", "20200101T000000Z");
    let cases = [
        ("another type", url.to_owned(), "text/html", bytes.clone()),
        ("a longer body", url.to_owned(), "image/jpeg", [bytes.clone(), vec![0]].concat()),
        ("a shorter body", url.to_owned(), "image/jpeg", bytes[1..].to_vec()),
        ("no body", url.to_owned(), "image/jpeg", vec![]),
        ("an earlier date", expired, "image/jpeg", bytes.clone()),
        ("a longer validity", tampered(url, "X-Amz-Expires", "604800"), "image/jpeg", bytes.clone()),
        ("another signature", tampered(url, "X-Amz-Signature", &"0".repeat(64)), "image/jpeg", bytes.clone()),
        ("no signature", url.split('?').next().expect("a URL").to_owned(), "image/jpeg", bytes.clone()),
        ("another key", url.replacen("uploads/", "media/", 1), "image/jpeg", bytes.clone()),
    ];
    for (what, url, content_type, body) in cases {
        // A store may also hang up on a body that it does not want.
        if let Ok(status) = put(url, content_type, body).await {
            assert!(status.is_client_error(), "{what} is refused: {status}");
        }
    }
    let complete = format!("/v1/uploads/{}/complete", ticket["upload_id"].as_str().expect("an id"));
    world.refuses("POST", &complete, Body::None, 422, "validation_failed").await;
    assert_eq!(put(url.to_owned(), "image/jpeg", bytes).await.expect("an answer"), StatusCode::OK);
    world.ada.post_empty(&complete).await.expect("now it is there");
}

/// A URL with another value for one of its parameters.
fn tampered(url: &str, name: &str, value: &str) -> String {
    let (before, after) = url.split_once(&format!("{name}=")).expect("the parameter is there");
    let rest = after.split_once('&').map_or(String::new(), |(_, rest)| format!("&{rest}"));
    format!("{before}{name}={value}{rest}")
}

#[tokio::test]
async fn files_that_are_no_pictures_fail_with_a_reason_and_the_next_one_goes_through() {
    let world = World::new().await;
    let photo = fixture("rocket.jpg");
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("a text", "image/jpeg", b"GET / HTTP/1.1\r\n\r\n<script>alert(1)</script>".to_vec()),
        ("an SVG", "image/png", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".to_vec()),
        ("an SVG called JPEG", "image/jpeg", b"<?xml version='1.0'?><svg onload='alert(1)'/>".to_vec()),
        ("zero bytes", "image/gif", vec![0; 1_000]),
        ("a GIF of 100,000 frames", "image/gif", gif_of_frames(100_000)),
        ("a strip of 50,000 x 1", "image/png", png_that_claims(50_000, 1)),
        ("a truncated JPEG", "image/jpeg", photo[..photo.len() / 2].to_vec()),
        ("the head of a JPEG", "image/jpeg", photo[..40].to_vec()),
        ("a PNG called JPEG", "image/jpeg", fixture("chelsea.png")),
        ("a bomb", "image/png", png_that_claims(60_000, 60_000)),
    ];
    for (what, content_type, bytes) in cases {
        let state = world.ada.upload(bytes, content_type, "no picture").await;
        assert_eq!(state["status"], "failed", "{what}: {state}");
        assert!(state["error"].as_str().unwrap_or_default().len() > 10, "{what} gets a reason: {state}");
        assert!(state["post_id"].is_null(), "{what}");
    }
    assert_eq!(world.ada.get("/v1/me").await.expect("ada")["post_count"], 0);
    world.ada.post_picture(5, "a picture").await;
    a_page_within_a_picture_never_comes_out(&world).await;
}

/// A photo that carries a page in its EXIF is a photo, and without the page.
async fn a_page_within_a_picture_never_comes_out(world: &World) {
    let photo = small_jpeg(9);
    let page = b"Exif\0\0<html><script>alert(document.cookie)</script></html>";
    let length = u16::try_from(page.len() + 2).expect("a short page").to_be_bytes();
    let polyglot = [&photo[..2], &[0xff, 0xe1], &length, page, &photo[2..], page].concat();
    let state = world.ada.upload(polyglot, "image/jpeg", "a page").await;
    assert_eq!(state["status"], "completed", "{state}");
    let post =
        world.ada.get(&format!("/v1/posts/{}", state["post_id"].as_str().expect("an id"))).await.expect("a post");
    for name in ["large", "medium", "thumbnail", "avif", "webp"] {
        let reply = world.api.fetch(post["media"][name].as_str().expect("a URL"), &[]).await;
        assert!(reply.status == 200 && reply.header("content-type").starts_with("image/"), "{name}");
        assert!(!reply.bytes.windows(7).any(|part| part == b"<script"), "{name}");
    }
}

/// A GIF of this many frames of four pixels, by one frame of its own again and again.
fn gif_of_frames(count: usize) -> Vec<u8> {
    let gif = tessera_tests::small_gif(1);
    let palette_bytes = if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
    let start = 13 + palette_bytes;
    // An image of its own size, a code size, two bytes of data and their end.
    let frame = b",\0\0\0\0\x01\0\x01\0\x80\0\0\0\xff\xff\xff\x02\x02\x44\x01\0";
    [&gif[..start], &frame.repeat(count), b";"].concat()
}

/// The beginning of a PNG of this size.
fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = fixture("chelsea.png");
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    bytes
}

#[tokio::test]
async fn a_private_accounts_posts_are_for_its_followers() {
    let world = World::new().await;
    world.bob.patch("/v1/me", json!({ "private": true })).await.expect("goes private");
    let post = format!("/v1/posts/{}", world.post_id);
    world.refuses("GET", &post, Body::None, 404, "not_found").await;
    let lists = ["posts", "followers", "following"].map(|list| format!("/v1/users/{}/{list}", world.bob.id));
    for list in &lists {
        world.refuses("GET", list, Body::None, 403, "forbidden").await;
    }
    world.refuses("POST", &format!("{post}/likes"), Body::None, 404, "not_found").await;
    world.refuses("POST", &format!("{post}/comments"), Body::Json(json!({ "text": "x" })), 404, "not_found").await;
    assert!(world.ada.feed_ids("").await.is_empty(), "it is not recommended either");
    world.ada.get(&format!("/v1/users/{}", world.bob.id)).await.expect("the profile itself is shown");
}

#[tokio::test]
async fn blocked_pairs_see_nothing_of_each_other() {
    let world = World::new().await;
    world.ada.follow(&world.bob).await;
    let comment = format!("/v1/posts/{}/comments", world.post_id);
    world.ada.post(&comment, json!({ "text": "hello" })).await.expect("commented");
    world.bob.put(&format!("/v1/users/{}/block", world.ada.id)).await.expect("blocks");
    let unknown = "not_found";
    let cases: &[(&str, &str, Body, u16, &str)] = &[
        ("GET", "/v1/users/{bob}", Body::None, 404, unknown),
        ("GET", "/v1/users/@bob", Body::None, 404, unknown),
        ("GET", "/v1/users/{bob}/posts", Body::None, 404, unknown),
        ("PUT", "/v1/users/{bob}/follow", Body::None, 404, unknown),
        ("GET", "/v1/posts/{post}", Body::None, 404, unknown),
        ("POST", "/v1/posts/{post}/likes", Body::None, 404, unknown),
        ("GET", "/v1/posts/{post}/comments", Body::None, 404, unknown),
        ("POST", "/v1/posts/{post}/comments", Body::Json(json!({ "text": "again" })), 404, unknown),
    ];
    check_table(&world, cases).await;
    assert!(world.bob.list(&comment).await.is_empty(), "the blocker no longer sees the comment");
    let me = world.bob.get("/v1/me").await.expect("bob");
    assert_eq!(me["follower_count"], 0, "the block ended the follow");
}

#[tokio::test]
async fn an_idempotency_key_serves_one_request_only() {
    let world = World::new().await;
    let path = format!("/v1/posts/{}/comments", world.post_id);
    let first = world.ada.post_once(&path, json!({ "text": "once" }), "a-key").await.expect("commented");
    let again = world.ada.post_once(&path, json!({ "text": "once" }), "a-key").await.expect("replayed");
    assert_eq!(first, again);
    let other = world.ada.post_once(&path, json!({ "text": "other" }), "a-key").await.expect_err("another request");
    assert_eq!((other.status, other.code.as_str()), (422, "validation_failed"), "{}", other.body);
    let long = world.ada.post_once(&path, json!({ "text": "x" }), &"k".repeat(256)).await.expect_err("too long");
    assert_eq!(long.status, 422);
    assert_eq!(world.bob.list(&path).await.len(), 1);
}

#[tokio::test]
async fn a_put_that_breaks_off_stores_nothing_and_can_be_made_again() {
    let world = World::new().await;
    let bytes = fixture("rocket.jpg");
    let ticket = world.ada.create_upload("image/jpeg", bytes.len()).await.expect("an upload");
    let url = ticket["presigned_url"].as_str().expect("a URL").trim_start_matches("http://");
    let (address, path) = url.split_once('/').expect("an address and a path");
    let mut head = format!("PUT /{path} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in ticket["headers"].as_object().expect("headers") {
        if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
            head += &format!("{name}: {}\r\n", value.as_str().expect("a value"));
        }
    }
    head += &format!("content-length: {}\r\n\r\n", bytes.len());
    for part in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(head.as_bytes()).await.expect("sends");
        stream.write_all(&bytes[..part]).await.expect("sends");
        stream.shutdown().await.expect("hangs up");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{part} bytes are not enough");
    }
    let complete = format!("/v1/uploads/{}/complete", ticket["upload_id"].as_str().expect("an id"));
    world.refuses("POST", &complete, Body::None, 422, "validation_failed").await;
    assert!(world.ada.put_object(&ticket, bytes).await.is_success());
    world.ada.post_empty(&complete).await.expect("now it is there");
    let state = world.ada.upload_ended(ticket["upload_id"].as_str().expect("an id")).await;
    assert_eq!(state["status"], "completed");
}
