//! Posts, their lists and their comments.

use crate::Node;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tessera_tests::{Person, ids_of, side_by_side, small_jpeg};

/// All pages of a list, `limit` entries each; every page but the last is full.
async fn pages(person: &Person, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{path}?limit={limit}{cursor}")).await.expect("a page");
        let found = page["items"].as_array().expect("items");
        items.extend(found.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => {
                assert_eq!(found.len(), limit, "a page with more behind it is full");
                cursor = format!("&cursor={next}");
            }
            None => return items,
        }
    }
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_post_has_everything_the_contract_names() {
    let node = Node::start(&[]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    let caption = "Büyük göl #Göl #göl #sunset2024 #123 no#tag <b>#x_y</b> 🌋";
    let post_id = ada.post_picture(1, caption).await.post_id;
    let post = bob.get(&format!("/v1/posts/{post_id}")).await.expect("the post");
    assert_eq!((&post["post_id"], &post["caption"]), (&json!(post_id), &json!(caption)));
    assert_eq!(post["author"]["username"], "ada");
    assert_eq!((&post["like_count"], &post["comment_count"], &post["liked"]), (&json!(0), &json!(0), &json!(false)));
    assert_eq!(post["media_type"], "image");
    let tags = texts_of(&post["hashtags"]);
    for tag in ["göl", "sunset2024", "x_y"] {
        assert_eq!(tags.iter().filter(|found| *found == tag).count(), 1, "{tag} in {tags:?}");
    }
    assert!(!tags.contains(&"123".to_owned()), "{tags:?}");
    for name in ["large", "medium", "thumbnail", "avif", "webp"] {
        assert!(post["media"][name].as_str().expect("a URL").starts_with(&node.http), "{name} is absolute");
    }
    assert!(post.get("edited_at").is_none() && post["created_at"].as_str().expect("a time").ends_with('Z'));
}

fn texts_of(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn somebodys_posts_are_paged_newest_first() {
    let node = Node::start(&[]);
    let ada = node.api().sign_up("ada").await;
    let mut expected = ada.post_pictures(23).await;
    expected.sort_by_key(|id| std::cmp::Reverse(id.parse::<u64>().expect("a number")));
    for limit in [5, 23, 100] {
        let items = pages(&ada, &format!("/v1/users/{}/posts", ada.id), limit).await;
        assert_eq!(texts(&items, "post_id"), expected, "by {limit}");
    }
}

#[tokio::test]
async fn comments_are_paged_oldest_first_and_deleted_by_those_who_may() {
    let node = Node::start(&[]);
    let api = node.api();
    let (ada, bob, eve) = (api.sign_up("ada").await, api.sign_up("bob").await, api.sign_up("eve").await);
    let post_id = ada.post_picture(1, "").await.post_id;
    let path = format!("/v1/posts/{post_id}/comments");
    let mut said = Vec::new();
    for number in 0..12 {
        let text = format!("comment {number} 🙂");
        let made = bob.post(&path, json!({ "text": text })).await.expect("commented");
        assert_eq!((&made["text"], &made["comment_count"]), (&json!(text), &json!(number + 1)));
        said.push(made["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(texts(&pages(&eve, &path, 5).await, "id"), said);
    assert_eq!(eve.delete(&format!("/v1/comments/{}", said[0])).await.expect_err("not hers").status, 403);
    bob.delete(&format!("/v1/comments/{}", said[0])).await.expect("his own");
    ada.delete(&format!("/v1/comments/{}", said[5])).await.expect("on her post");
    assert_eq!(bob.delete(&format!("/v1/comments/{}", said[0])).await.expect_err("gone").status, 404);
    said.remove(5);
    said.remove(0);
    assert_eq!(texts(&pages(&eve, &path, 3).await, "id"), said);
    assert_eq!(eve.get(&format!("/v1/posts/{post_id}")).await.expect("the post")["comment_count"], 10);
    ada.delete(&format!("/v1/posts/{post_id}")).await.expect("deletes");
    assert_eq!(eve.get(&path).await.expect_err("gone with it").status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completing_an_upload_over_and_over_makes_one_post() {
    let node = Node::start(&[]);
    let ada = node.api().sign_up("ada").await;
    let bytes = small_jpeg(3);
    let open = json!({ "filename": "a.jpg", "file_size": bytes.len(), "content_type": "image/jpeg" });
    let tries = (0..6).map(|_| {
        let (ada, open) = (ada.clone(), open.clone());
        async move { ada.post_once("/v1/uploads", open, "one-upload").await }
    });
    let opened: Vec<Value> = side_by_side(6, tries).await.into_iter().filter_map(Result::ok).collect();
    let again = ada.post_once("/v1/uploads", open, "one-upload").await.expect("the same upload");
    assert!(opened.iter().all(|ticket| ticket["upload_id"] == again["upload_id"]), "one key opens one upload");
    assert!(ada.put_object(&again, bytes).await.is_success());

    let id = again["upload_id"].as_str().expect("an id").to_owned();
    let completions = (0..20).map(|number| {
        let (ada, path) = (ada.clone(), format!("/v1/uploads/{id}/complete"));
        async move { ada.post(&path, json!({ "caption": format!("try {number}") })).await.expect("harmless") }
    });
    side_by_side(10, completions).await;
    let state = ada.upload_ended(&id).await;
    let after = ada.post_empty(&format!("/v1/uploads/{id}/complete")).await.expect("harmless");
    assert_eq!(after["status"], "completed");
    let posts = ada.list(&format!("/v1/users/{}/posts", ada.id)).await;
    assert_eq!((posts.len(), &posts[0]["post_id"]), (1, &state["post_id"]));
    assert!(posts[0]["caption"].as_str().expect("a caption").starts_with("try "));
}

#[tokio::test]
async fn a_feed_is_never_blank_and_offsets_end_where_it_ends() {
    let node = Node::start(&[]);
    let api = node.api();
    let (ada, newcomer) = (api.sign_up("ada").await, api.sign_up("newcomer").await);
    let empty = newcomer.feed("").await;
    assert_eq!((&empty["items"], &empty["caught_up"], &empty["next_cursor"]), (&json!([]), &json!(true), &Value::Null));
    let posts: BTreeSet<String> = ada.post_pictures(12).await.into_iter().collect();

    // Who follows nobody gets recommendations, at most two by one author.
    let page = tessera_tests::eventually("recommendations", std::time::Duration::from_secs(10), || async {
        let page = newcomer.feed("?include_seen=true").await;
        (!ids_of(&page).is_empty()).then_some(page)
    })
    .await;
    assert!(page["items"].as_array().expect("items").iter().all(|item| item["source"] == "recommended"));
    let recommended: BTreeSet<String> = ids_of(&page).into_iter().collect();
    assert!(recommended.len() <= 2 && recommended.is_subset(&posts), "{recommended:?}");

    let other = api.sign_up("other").await;
    other.follow(&ada).await;
    assert_eq!(other.feed_ids("?offset=5&limit=100").await.len(), 7, "an offset opens a feed where there is none");
    let beyond = other.feed("?offset=500").await;
    assert_eq!((&beyond["items"], &beyond["next_cursor"]), (&json!([]), &Value::Null));
}

#[tokio::test]
async fn the_page_and_the_docs_are_served_with_safe_headers() {
    let node = Node::start(&[]);
    let api = node.api();
    for path in ["/", "/docs"] {
        let reply = api.fetch(&api.url(path), &[]).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").starts_with("text/html"), "{path}");
        assert!(!reply.header("content-security-policy").is_empty(), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!reply.header("x-request-id").is_empty(), "{path}");
    }
}
