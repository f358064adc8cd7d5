//! Search by looks: altered copies find their original, what is deleted, private or blocked is not found, and the index
//! comes back after a restart.

use crate::Node;
use image::{DynamicImage, ImageFormat, codecs::jpeg::JpegEncoder, imageops::FilterType};
use reqwest::Method;
use serde_json::Value;
use std::{
    io::Cursor,
    time::{Duration, Instant},
};
use tessera_tests::{Api, Person, Problem, Reply, eventually, fixture};

/// How long a change may take to show in searches, on a busy machine; the promise is a second.
const SOON: Duration = Duration::from_secs(3);
const PHOTOS: [&str; 4] = ["astronaut-display-p3.jpg", "chelsea.png", "rocket.jpg", "coffee-alpha.png"];

fn photo(name: &str) -> DynamicImage {
    let picture = image::load_from_memory(&fixture(name)).expect("a photograph");
    // Small, so that a development build is done with it soon.
    DynamicImage::ImageRgb8(picture.resize(400, 400, FilterType::Triangle).to_rgb8())
}

fn jpeg(picture: &DynamicImage, quality: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).expect("a JPEG can be written");
    bytes.into_inner()
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("a PNG can be written");
    bytes.into_inner()
}

/// The middle of a picture: three quarters of each side.
fn cropped(picture: &DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    picture.crop_imm(width / 8, height / 8, width * 3 / 4, height * 3 / 4)
}

/// Posts a picture; gives the post's id.
async fn publish(author: &Person, picture: &DynamicImage) -> String {
    let state = author.upload(jpeg(picture, 92), "image/jpeg", "").await;
    assert_eq!(state["status"], "completed", "{state}");
    state["post_id"].as_str().expect("a post").to_owned()
}

async fn search_with(person: &Person, query: &str, content_type: &str, bytes: Vec<u8>) -> Reply {
    let request = person.api.request(Method::POST, &format!("/v1/search/visual{query}"));
    let request = request.bearer_auth(&person.token).header("content-type", content_type).body(bytes);
    Api::send(request).await
}

/// What a search by picture gives.
async fn search(person: &Person, query: &str, bytes: Vec<u8>) -> Value {
    let reply = search_with(person, query, "image/jpeg", bytes).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn post_ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["post_id"].as_str().expect("an id").to_owned()).collect()
}

/// Waits until a search says that all parts of the index answer, and finds (or no longer finds) a post.
async fn comes_to(person: &Person, bytes: &[u8], post_id: &str, found: bool) -> Duration {
    let start = Instant::now();
    eventually("the index", Duration::from_secs(20), || async {
        let page = search(person, "", bytes.to_vec()).await;
        let has = post_ids(&page).iter().any(|id| id == post_id);
        (has == found && page["degraded"] == serde_json::json!([])).then_some(())
    })
    .await;
    start.elapsed()
}

async fn is_refused(person: &Person, query: &str, content_type: &str, bytes: Vec<u8>, status: u16, code: &str) {
    let reply = search_with(person, query, content_type, bytes).await;
    let found = (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned());
    assert_eq!(found, (status, code.to_owned()), "{query} {content_type}: {}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altered_copies_find_their_original_and_what_is_gone_is_not_found() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let [ada, bob] = [api.sign_up("ada").await, api.sign_up("bob").await];
    let pictures = PHOTOS.map(photo);
    let mut posts = Vec::new();
    for picture in &pictures {
        posts.push(publish(&ada, picture).await);
    }
    let took = comes_to(&bob, &jpeg(&pictures[3], 92), &posts[3], true).await;
    assert!(took < SOON, "searchable after {took:?}");

    for (picture, post_id) in pictures.iter().zip(&posts) {
        let alterations = [
            ("JPEG 30", jpeg(picture, 30)),
            ("mirrored", jpeg(&picture.fliph(), 90)),
            ("cropped", jpeg(&cropped(picture), 90)),
            ("smaller", jpeg(&picture.resize(120, 120, FilterType::Triangle), 80)),
        ];
        for (name, bytes) in alterations {
            let page = search(&bob, "?limit=3", bytes).await;
            assert_eq!(&post_ids(&page)[0], post_id, "{name}: {page}");
            assert_eq!(page["next_cursor"], Value::Null);
        }
    }
    // A part of a larger picture: two photographs side by side.
    let mut both = image::RgbImage::new(800, 400);
    image::imageops::overlay(&mut both, &pictures[0].to_rgb8(), 0, 0);
    image::imageops::overlay(&mut both, &pictures[1].to_rgb8(), 400, 0);
    let both = jpeg(&DynamicImage::ImageRgb8(both), 90);
    let crop = format!("?x=0.5&y=0&w=0.5&h={}", f64::from(pictures[1].height()) / 400.0);
    assert_eq!(post_ids(&search(&bob, &crop, both).await)[0], posts[1], "the right half");

    similar_posts_are_listed(&ada, &bob, &pictures, &posts).await;
    what_may_not_be_seen_is_not_found(&api, &ada, &bob, &pictures[2], &posts[2]).await;

    ada.delete(&format!("/v1/posts/{}", posts[0])).await.expect("deleted");
    let took = comes_to(&bob, &jpeg(&pictures[0], 90), &posts[0], false).await;
    assert!(took < SOON, "gone after {took:?}");

    node.restart();
    let bob = bob.on(&node.api());
    comes_to(&bob, &jpeg(&pictures[3], 50), &posts[3], true).await;
    let page = search(&bob, "", jpeg(&pictures[1], 50)).await;
    assert_eq!(post_ids(&page)[0], posts[1], "the index is back: {page}");
    assert!(!post_ids(&page).contains(&posts[0]), "and what was deleted is not");
}

/// `similar`: an altered copy leads to its original, pages, and refuses what it must.
async fn similar_posts_are_listed(ada: &Person, bob: &Person, pictures: &[DynamicImage], posts: &[String]) {
    let copy = publish(bob, &cropped(&pictures[1]).fliph()).await;
    comes_to(bob, &jpeg(&cropped(&pictures[1]).fliph(), 92), &copy, true).await;
    let path = format!("/v1/posts/{copy}/similar");
    let page = ada.get(&format!("{path}?limit=2")).await.expect("similar posts");
    let first = post_ids(&page);
    assert_eq!(first[0], posts[1], "the original of the altered copy: {page}");
    assert_eq!((first.len(), &page["degraded"]), (2, &serde_json::json!([])));
    let item = &page["items"][0];
    assert!(item["similarity"].as_f64() > Some(0.5) && item["score"].as_f64() <= Some(1.0), "{item}");
    assert!(item["media"]["large"].is_string() && item["author"]["username"] == "ada", "a whole post: {item}");
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = ada.get(&format!("{path}?limit=100&cursor={cursor}")).await.expect("the rest");
    let mut all = [first, post_ids(&rest)].concat();
    assert_eq!(rest["next_cursor"], Value::Null);
    assert!(!all.contains(&copy), "not the post itself");
    all.sort();
    let mut expected = posts.to_vec();
    expected.sort();
    assert_eq!(all, expected, "every other post, once");

    let other = ada.get(&format!("/v1/posts/{}/similar?cursor={cursor}", posts[0])).await.expect_err("another list's");
    assert_eq!((other.status, other.code.as_str()), (422, "validation_failed"));
    let unknown = ada.get("/v1/posts/123/similar").await.expect_err("no such post");
    assert_eq!((unknown.status, unknown.code.as_str()), (404, "not_found"));
    bob.delete(&format!("/v1/posts/{copy}")).await.expect("deleted");
    let Problem { status, .. } = ada.get(&path).await.expect_err("it is gone");
    assert_eq!(status, 404);
}

/// Copies by somebody private and by somebody who blocks the reader; near-duplicates are one result.
async fn what_may_not_be_seen_is_not_found(
    api: &Api,
    ada: &Person,
    bob: &Person,
    picture: &DynamicImage,
    post_id: &str,
) {
    let [private, blocker] = [api.sign_up("private").await, api.sign_up("blocker").await];
    let (hidden, blocked) = (publish(&private, picture).await, publish(&blocker, picture).await);
    private.patch("/v1/me", serde_json::json!({ "private": true })).await.expect("private");
    let query = jpeg(picture, 80);
    comes_to(ada, &query, &hidden, false).await;
    eventually("one result for three copies", SOON, || async {
        let page = search(ada, "", query.clone()).await;
        (page["items"][0]["duplicates"] == 1).then_some(())
    })
    .await;
    blocker.put(&format!("/v1/users/{}/block", bob.id)).await.expect("blocks");
    let page = search(bob, "", query.clone()).await;
    assert_eq!(
        (post_ids(&page)[0].as_str(), &page["items"][0]["duplicates"]),
        (post_id, &serde_json::json!(0)),
        "{page}"
    );
    for id in [&hidden, &blocked] {
        assert!(!post_ids(&page).contains(id), "{page}");
        let page = bob.get(&format!("/v1/posts/{post_id}/similar")).await.expect("similar posts");
        assert!(!post_ids(&page).contains(id), "{page}");
    }
    let own = search(&private, "", query).await;
    assert!(post_ids(&own).contains(&hidden) || own["items"][0]["duplicates"] == 2, "their own they find: {own}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_picture_to_search_with_is_refused() {
    let node = Node::start(&["uploads.max_bytes=400000"]);
    let ada = node.api().sign_up("ada").await;
    let picture = photo(PHOTOS[2]);
    let good = jpeg(&picture, 90);
    let page = search(&ada, "", good.clone()).await;
    assert_eq!((post_ids(&page).len(), &page["degraded"]), (0, &serde_json::json!([])), "nothing is there yet: {page}");
    let refused = async |query: &str, content_type: &str, bytes: &[u8], status, code| {
        is_refused(&ada, query, content_type, bytes.to_vec(), status, code).await;
    };
    refused("", "text/plain", &good, 415, "unsupported_media_type").await;
    refused("", "image/tiff", &good, 415, "unsupported_media_type").await;
    refused("", "image/png", &good, 422, "validation_failed").await;
    refused("", "image/jpeg", &good[..good.len() / 3], 422, "validation_failed").await;
    refused("", "image/jpeg", b"", 422, "validation_failed").await;
    refused("", "image/jpeg", &vec![0xFF; 400_001], 413, "payload_too_large").await;
    for crop in ["?x=0.5", "?x=0.5&y=0.5&w=0.6&h=0.1", "?x=0&y=0&w=0&h=1", "?x=-0.1&y=0&w=1&h=1", "?x=a&y=0&w=1&h=1"] {
        refused(crop, "image/jpeg", &good, 422, "validation_failed").await;
    }
    refused("?limit=0", "image/jpeg", &good, 422, "validation_failed").await;
    let png = png(&picture.resize(200, 200, FilterType::Triangle));
    let reply = search_with(&ada, "?x=0.1&y=0.1&w=0.5&h=0.5", "image/png; x=y", png).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let nobody = Api::send(node.api().request(Method::POST, "/v1/search/visual").body(good)).await;
    assert_eq!(nobody.status, 401);
}
