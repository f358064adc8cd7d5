//! Recommendations: where they come from, whose are left out, and what they cost.

use super::{
    support::Edge,
    world::{eventually, post_ids, text},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the feed and the list of recommendations promise: the questions that one list asks of the stores.
const MOST_ROUND_TRIPS: u64 = 12;

impl Edge {
    async fn recommendations(&self, token: &str) -> Value {
        let reply = self.get("/v1/recommendations?limit=100", token).await;
        assert_eq!(reply.status, 200, "{:?}", reply.bytes);
        let list = reply.json();
        assert_eq!(list["degraded"], json!([]), "{list}");
        list
    }

    async fn like(&self, token: &str, post_id: &str) {
        assert_eq!(self.post(&format!("/v1/posts/{post_id}/likes"), token, Value::Null).await.status, 201);
    }

    fn store_calls(&self) -> u64 {
        self.ledger.decorator().calls().values().chain(self.hot.decorator().calls().values()).sum()
    }
}

/// The reason of each post.
fn reasons(list: &Value) -> BTreeMap<String, String> {
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| (text(&item["post_id"]), text(&item["reason_kind"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_what_those_like_who_like_the_same() {
    let edge = Edge::start().await;
    let (_, author) = edge.person("author").await;
    let (bob_id, bob) = edge.person("bob").await;
    let (_, grace) = edge.person("grace").await;
    let shared = edge.publish(&author, "liked by both").await;
    let other = edge.publish(&author, "liked by bob").await;
    edge.like(&bob, &shared).await;
    edge.like(&bob, &other).await;
    let before = reasons(&edge.recommendations(&grace).await);
    assert!(before.values().all(|reason| ["popular", "new"].contains(&reason.as_str())), "{before:?}");
    edge.like(&grace, &shared).await;
    let after = eventually("bob's taste", || async {
        let found = reasons(&edge.recommendations(&grace).await);
        (found.get(&other).map(String::as_str) == Some("similar_users")).then_some(found)
    })
    .await;
    assert!(!after.contains_key(&shared), "what one likes is known: {after:?}");

    let list = edge.recommendations(&grace).await;
    let item = list["items"].as_array().expect("items").iter().find(|item| item["post_id"] == other.as_str());
    assert_eq!(item.expect("bob's")["reason"], "people who like what you like also liked this");
    assert!(item.expect("bob's")["score"].as_f64().is_some_and(|score| (0.0..=1.1).contains(&score)));
    let own = edge.publish(&bob, "by bob himself").await;
    eventually("bob's post", || async { reasons(&edge.recommendations(&grace).await).remove(&own) }).await;
    edge.follow(&grace, &bob_id).await;
    assert!(!post_ids(&edge.recommendations(&grace).await).contains(&own), "whom one follows is not recommended");
}

#[tokio::test(flavor = "multi_thread")]
async fn hashtags_that_are_followed_bring_posts() {
    let edge = Edge::start().await;
    let (_, author) = edge.person("author").await;
    let (_, grace) = edge.person("grace").await;
    let tagged = edge.publish(&author, "dawn at the #lake").await;
    let plain = edge.publish(&author, "dawn").await;
    assert_eq!(edge.put("/v1/hashtags/lake/follow", &grace).await.status, 204);
    let list = edge.recommendations(&grace).await;
    let found = reasons(&list);
    assert_eq!(found.get(&tagged).map(String::as_str), Some("followed_hashtag"), "{found:?}");
    assert!(found.get(&plain).is_some_and(|reason| reason != "followed_hashtag"), "{found:?}");
    let item = list["items"].as_array().expect("items").iter().find(|item| item["post_id"] == tagged.as_str());
    assert_eq!(item.expect("the post")["reason"], "because you follow #lake");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_seen_private_muted_and_blocked_posts_are_never_recommended() {
    let edge = Edge::start().await;
    let (_, grace) = edge.person("grace").await;
    let own = edge.publish(&grace, "my own").await;
    let mut posts = Vec::new();
    let mut people = Vec::new();
    for name in ["public", "private", "muted", "blocked", "blocking"] {
        let (id, token) = edge.person(name).await;
        posts.push(edge.publish(&token, name).await);
        people.push((id, token));
    }
    assert_eq!(edge.patch("/v1/me", &people[1].1, json!({ "private": true })).await.status, 200);
    assert_eq!(edge.put(&format!("/v1/users/{}/mute", people[2].0), &grace).await.status, 204);
    assert_eq!(edge.put(&format!("/v1/users/{}/block", people[3].0), &grace).await.status, 204);
    let me = text(&edge.get("/v1/me", &grace).await.json()["id"]);
    assert_eq!(edge.put(&format!("/v1/users/{me}/block"), &people[4].1).await.status, 204);
    assert_eq!(post_ids(&edge.recommendations(&grace).await), [posts[0].clone()], "own is {own}");

    let feed = edge.feed(&grace, "").await;
    let recommended: Vec<&Value> =
        feed["items"].as_array().expect("items").iter().filter(|item| item["source"] == "recommended").collect();
    assert_eq!(recommended.len(), 1, "{feed}");
    assert!(!text(&recommended[0]["reason"]).is_empty());
    assert!(
        feed["items"]
            .as_array()
            .expect("items")
            .iter()
            .all(|item| { (item["source"] == "recommended") == item["reason"].is_string() })
    );
    eventually("nothing unseen", || async { post_ids(&edge.recommendations(&grace).await).is_empty().then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_makes_room_for_more_of_the_same_author() {
    let edge = Edge::start().await;
    let (_, author) = edge.person("author").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&author, 3).await;
    let shown = post_ids(&edge.feed(&grace, "").await);
    assert_eq!(shown.len(), 2, "a list has two of one author: {shown:?}");
    let left: Vec<String> = posts.into_iter().filter(|post| !shown.contains(post)).collect();
    eventually("the third post", || async {
        assert_eq!(
            edge.put("/v1/hashtags/lake/follow", &grace).await.status,
            204,
            "which makes the next list a new one"
        );
        (post_ids(&edge.recommendations(&grace).await) == left).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_asks_the_stores_a_fixed_number_of_questions() {
    let edge = Edge::start().await;
    let (_, author) = edge.person("author").await;
    let (_, bob) = edge.person("bob").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&author, 8).await;
    for post in &posts {
        edge.like(&bob, post).await;
    }
    edge.publish(&bob, "#lake").await;
    edge.like(&grace, &posts[0]).await;
    edge.recommendations(&grace).await;
    // A like makes the next list a new one. What liking asks is counted apart.
    edge.like(&grace, &posts[1]).await;
    let (before, calls) = (edge.store_calls(), edge.ledger.decorator().calls());
    let list = edge.recommendations(&grace).await;
    let asked = edge.store_calls() - before;
    assert!(post_ids(&list).len() >= 3, "{list}");
    // The session and the posts that are shown belong to the request, not to the list.
    let shown = ["session_user", "liked_by"];
    let listed = edge
        .ledger
        .decorator()
        .calls()
        .into_iter()
        .map(|(method, count)| (method, count - calls.get(method).unwrap_or(&0)));
    let listed: BTreeMap<&str, u64> = listed.filter(|(method, count)| *count > 0 && !shown.contains(method)).collect();
    assert!(asked <= MOST_ROUND_TRIPS, "{asked} questions, of the ledger {listed:?}");
    assert!(listed.contains_key("recent_likes"), "similar people were asked for: {listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn followed_posts_are_ranked_where_the_operator_wants_that() {
    let edge = Edge::start_with(|_, settings| settings.ranks_followed = true).await;
    let (author_id, author) = edge.person("author").await;
    let (_, grace) = edge.person("grace").await;
    let posts = edge.publish_many(&author, 6).await;
    for number in 0..12 {
        let (_, fan) = edge.person(&format!("fan{number}")).await;
        edge.like(&fan, &posts[5]).await;
    }
    edge.follow(&grace, &author_id).await;
    let first = edge.feed(&grace, "limit=3").await;
    assert_eq!(post_ids(&first).first(), Some(&posts[5]), "the oldest, which many like, comes first: {first}");
    let second = edge.feed(&grace, &format!("limit=3&cursor={}", text(&first["next_cursor"]))).await;
    let mut all = [post_ids(&first), post_ids(&second)].concat();
    all.sort();
    let mut expected = posts.clone();
    expected.sort();
    assert_eq!(all, expected, "each once");
}
