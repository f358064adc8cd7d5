//! Accounts, sessions, profiles and the graph between them.

use crate::Node;
use serde_json::{Value, json};
use tessera_tests::{Person, side_by_side};

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|user| user["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn an_account_is_made_once_and_found_by_id_and_name() {
    let node = Node::start(&[]);
    let api = node.api();
    let body = json!({ "username": "Ada.L", "password": "correct horse battery", "display_name": "Ada  Lovelace" });
    let made = api.call(reqwest::Method::POST, "/v1/users", None, Some(body)).await.expect("signs up");
    let user = &made["user"];
    assert_eq!((&user["username"], &user["display_name"]), (&json!("ada.l"), &json!("Ada  Lovelace")));
    assert!(user["created_at"].as_str().expect("a time").ends_with('Z'));
    let bob = api.sign_up("bob").await;
    let id = user["id"].as_str().expect("ids are strings");
    for key in [id, "@ada.l", "@ADA.L"] {
        let profile = bob.get(&format!("/v1/users/{key}")).await.expect("a profile");
        assert_eq!(profile["id"], id, "{key}");
        let relationship = json!({ "following": false, "followed_by": false, "blocking": false, "muting": false });
        assert_eq!(profile["relationship"], relationship);
    }
}

#[tokio::test]
async fn of_many_sign_ups_for_one_name_one_gets_it() {
    let node = Node::start(&[]);
    let tries = (0..12).map(|_| {
        let api = node.api();
        let body = json!({ "username": "wanted", "password": "correct horse battery" });
        async move { api.call(reqwest::Method::POST, "/v1/users", None, Some(body)).await }
    });
    let results = side_by_side(12, tries).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    assert!(refused.clone().all(|problem| problem.code == "username_taken"), "{results:?}");
}

#[tokio::test]
async fn sessions_and_accounts_survive_a_restart_and_log_out_ends_one_session() {
    let mut node = Node::start(&[]);
    let api = node.api();
    let first = api.sign_up("ada").await;
    let second = api.log_in("ADA").await;
    second.delete("/v1/sessions/current").await.expect("logs out");
    node.kill();
    node.restart();
    api.answers().await;
    assert_eq!(first.get("/v1/me").await.expect("still signed in")["id"], first.id.as_str());
    assert_eq!(second.get("/v1/me").await.expect_err("logged out").status, 401);
    assert_eq!(api.log_in("ada").await.id, first.id);
}

#[tokio::test]
async fn a_profile_changes_in_the_fields_that_are_sent() {
    let node = Node::start(&[]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    let changed = ada.patch("/v1/me", json!({ "display_name": "Ada 🌋", "bio": "counts\nthings" })).await;
    let changed = changed.expect("changes");
    assert_eq!((&changed["display_name"], &changed["bio"]), (&json!("Ada 🌋"), &json!("counts\nthings")));
    let kept = ada.patch("/v1/me", json!({ "bio": "" })).await.expect("changes");
    assert_eq!((&kept["display_name"], &kept["bio"]), (&json!("Ada 🌋"), &json!("")));
    let seen = bob.get("/v1/users/@ada").await.expect("a profile");
    assert_eq!(seen["display_name"], "Ada 🌋");
}

#[tokio::test]
async fn follows_are_counted_once_and_listed_newest_first() {
    let node = Node::start(&[]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let people = api.sign_up_many("fan", 5).await;
    for person in &people {
        person.follow(&ada).await;
        person.follow(&ada).await;
    }
    ada.follow(&people[2]).await;
    let newest_first: Vec<&str> = people.iter().rev().map(|person| person.id.as_str()).collect();
    let followers = ada.list(&format!("/v1/users/{}/followers", ada.id)).await;
    assert_eq!(ids(&followers), newest_first);
    let relationship = |person: &Person| {
        let found = followers.iter().find(|user| user["id"] == person.id.as_str()).expect("listed");
        found["relationship"]["following"] == true
    };
    assert!(relationship(&people[2]) && !relationship(&people[1]));

    let mut paged = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = people[0].get(&format!("/v1/users/@ada/followers{query}")).await.expect("a page");
        paged.extend(
            page["items"].as_array().expect("items").iter().map(|user| user["id"].as_str().expect("an id").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, newest_first);

    for _ in 0..2 {
        people[4].delete(&format!("/v1/users/{}/follow", ada.id)).await.expect("unfollows");
    }
    let me = ada.get("/v1/me").await.expect("ada");
    assert_eq!((&me["follower_count"], &me["following_count"]), (&4.into(), &1.into()));
    assert_eq!(ids(&ada.list("/v1/users/@fan2/followers").await), [ada.id.as_str()]);
    assert_eq!(ids(&ada.list("/v1/users/@fan0/following").await), [ada.id.as_str()]);
}
