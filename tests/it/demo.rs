//! The demo: a node with a world in it that is worth looking at.

use std::collections::BTreeSet;
use tessera_tests::{Api, Node};

#[tokio::test]
async fn a_visitor_signs_in_as_one_of_the_people_and_sees_a_full_feed() {
    let node = Node::start_demo();
    let api = node.api();
    assert_eq!(api.fetch(&node.http, &[]).await.status, 200, "there is a page");
    let people = api.fetch(&api.url("/demo/people.json"), &[]).await.json();
    let password = people["password"].as_str().expect("the demo's password");
    let names = people["people"].as_array().expect("people");
    assert!(names.len() >= 5, "{people}");

    let mut authors = BTreeSet::new();
    for person in names.iter().take(3) {
        let body = serde_json::json!({ "username": person["username"], "password": password });
        let session = Api::send(api.request(reqwest::Method::POST, "/v1/sessions").json(&body)).await;
        assert_eq!(session.status, 201, "{}", session.text());
        let token = session.json()["token"].as_str().expect("a token").to_owned();
        let feed = api.call(reqwest::Method::GET, "/v1/feed?limit=50", Some(&token), None).await.expect("a feed");
        let items = feed["items"].as_array().expect("items");
        assert!(items.len() >= 10, "{} posts for {}", items.len(), person["username"]);
        assert!(items.iter().any(|item| item["post"]["like_count"].as_u64() > Some(0)), "people like things");
        for item in items.iter().take(10) {
            let post = &item["post"];
            authors.insert(post["author"]["username"].to_string());
            assert!(!post["alt_text"].as_str().expect("a text").is_empty(), "pictures are described: {post}");
            let picture = api.fetch(post["media"]["medium"].as_str().expect("a URL"), &[]).await;
            assert_eq!(picture.status, 200);
        }
    }
    assert!(authors.len() >= 4, "{authors:?}");
}
