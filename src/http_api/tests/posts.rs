//! Posts, one by one and by author.

use super::{
    support::Edge,
    world::{post_ids, text},
};
use serde_json::{Value, json};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn a_post_has_the_documented_form() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let id = edge.publish(&ada, "Dawn at the #Lake").await;
    let post = edge.get(&format!("/v1/posts/{id}"), &ada).await.json();
    let author = json!({ "id": ada_id, "username": "ada", "display_name": "ada", "avatar_url": null });
    assert_eq!((&post["post_id"], &post["author"]), (&json!(id), &author));
    assert_eq!((&post["caption"], &post["hashtags"]), (&json!("Dawn at the #Lake"), &json!(["lake"])));
    assert_eq!(
        (&post["media_type"], &post["like_count"], &post["comment_count"]),
        (&json!("image"), &json!(0), &json!(0))
    );
    assert_eq!((&post["liked"], post.get("edited_at")), (&json!(false), None));
    let media = &post["media"];
    for name in ["large", "medium", "thumbnail", "avif", "webp"] {
        let url = text(&media[name]);
        let path = url.strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("{url}"));
        let picture = edge.get(path, "").await;
        assert_eq!(picture.status, 200, "{path}");
        assert!(picture.header("content-type").starts_with("image/"), "{path}");
    }
    assert_eq!((&media["width"], &media["height"]), (&json!(16), &json!(16)));
    assert!(!text(&media["blurhash"]).is_empty() && media.get("video").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_author_edits_and_deletes() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, eve) = edge.person("eve").await;
    let id = edge.publish(&ada, "first #one").await;
    let path = format!("/v1/posts/{id}");
    assert_eq!(edge.get(&path, &eve).await.json()["caption"], "first #one");

    edge.patch(&path, &eve, json!({ "caption": "mine" })).await.is_problem(403, "forbidden");
    edge.delete(&path, &eve).await.is_problem(403, "forbidden");
    let long = json!({ "alt_text": "x".repeat(1_501) });
    assert_eq!(edge.patch(&path, &ada, long).await.is_problem(422, "validation_failed")["field"], "alt_text");
    edge.patch(&path, &ada, json!({ "likes": 7 })).await.is_problem(400, "malformed_request");

    for number in 0..20 {
        let change = json!({ "caption": format!("take {number} #two"), "alt_text": "a lake" });
        let edited = edge.patch(&path, &ada, change).await.json();
        assert_eq!((&edited["hashtags"], &edited["alt_text"]), (&json!(["two"]), &json!("a lake")));
        assert!(edited["edited_at"].is_string());
        let seen = edge.get(&path, &eve).await.json();
        assert_eq!(seen["caption"], format!("take {number} #two"), "no stale copy");
    }
    assert_eq!(edge.delete(&path, &ada).await.status, 204);
    edge.get(&path, &eve).await.is_problem(404, "not_found");
    edge.delete(&path, &ada).await.is_problem(404, "not_found");
    edge.patch(&path, &ada, json!({ "caption": "late" })).await.is_problem(404, "not_found");
    edge.get("/v1/posts/12345", &ada).await.is_problem(404, "not_found");
    edge.get("/v1/posts/abc", &ada).await.is_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_bring_an_older_version_back() {
    let edge = Arc::new(Edge::start().await);
    let (_, ada) = edge.person("ada").await;
    let (_, eve) = edge.person("eve").await;
    let id = edge.publish(&ada, "take 0").await;
    let path = format!("/v1/posts/{id}");
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (edge, path, eve) = (edge.clone(), path.clone(), eve.clone());
            tokio::spawn(async move {
                loop {
                    assert_eq!(edge.get(&path, &eve).await.status, 200);
                }
            })
        })
        .collect();
    for number in 1..100 {
        let caption = format!("take {number}");
        assert_eq!(edge.patch(&path, &ada, json!({ "caption": caption })).await.json()["caption"], caption);
        for _ in 0..3 {
            assert_eq!(edge.get(&path, &eve).await.json()["caption"], caption);
        }
    }
    for reader in readers {
        reader.abort();
        assert!(reader.await.is_err_and(|error| error.is_cancelled()), "no reader failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_and_blocked_posts_are_not_found() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, bob) = edge.person("bob").await;
    let (eve_id, eve) = edge.person("eve").await;
    let id = edge.publish(&ada, "for friends").await;
    edge.follow(&bob, &ada_id).await;
    let path = format!("/v1/posts/{id}");
    assert_eq!(edge.get(&path, &eve).await.status, 200);
    assert_eq!(edge.patch("/v1/me", &ada, json!({ "private": true })).await.status, 200);
    assert_eq!(edge.get(&path, &bob).await.status, 200);
    edge.get(&path, &eve).await.is_problem(404, "not_found");
    edge.delete(&path, &eve).await.is_problem(404, "not_found");
    edge.post(&format!("{path}/likes"), &eve, Value::Null).await.is_problem(404, "not_found");
    edge.get(&format!("{path}/comments"), &eve).await.is_problem(404, "not_found");
    edge.get(&format!("/v1/users/{ada_id}/posts"), &eve).await.is_problem(403, "forbidden");
    assert_eq!(edge.patch("/v1/me", &ada, json!({ "private": false })).await.status, 200);
    assert_eq!(edge.put(&format!("/v1/users/{eve_id}/block"), &ada).await.status, 204);
    edge.get(&path, &eve).await.is_problem(404, "not_found");
    edge.get(&format!("/v1/users/{ada_id}/posts"), &eve).await.is_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authors_posts_come_newest_first() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, eve) = edge.person("eve").await;
    let mut posts = edge.publish_many(&ada, 7).await;
    let path = format!("/v1/users/{ada_id}/posts?limit=3");
    let first = edge.get(&path, &eve).await.json();
    assert_eq!(post_ids(&first), posts[..3]);
    assert_eq!(edge.delete(&format!("/v1/posts/{}", posts[4]), &ada).await.status, 204);
    let second = edge.get(&format!("{path}&cursor={}", text(&first["next_cursor"])), &eve).await.json();
    posts.remove(4);
    assert_eq!((post_ids(&second).as_slice(), &second["next_cursor"]), (&posts[3..], &Value::Null));
    edge.get(&format!("{path}&cursor=x"), &eve).await.is_problem(422, "validation_failed");
    edge.get("/v1/users/@nobody/posts", &eve).await.is_problem(404, "not_found");
}
