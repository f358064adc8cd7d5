//! Hashtags and search.

use super::{
    support::Edge,
    world::{eventually, post_ids, text},
};
use serde_json::{Value, json};

fn tags(list: &Value, field: &str) -> Vec<String> {
    list[field].as_array().expect("a list").iter().map(|entry| text(&entry["tag"])).collect()
}

fn names(found: &Value) -> Vec<String> {
    found["users"].as_array().expect("users").iter().map(|user| text(&user["username"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hashtag_has_a_page_of_what_the_caller_may_see() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, bob) = edge.person("bob").await;
    let (_, grace) = edge.person("grace").await;
    let first = edge.publish(&ada, "Dawn at the #Lake").await;
    let second = edge.publish(&ada, "#lake again, #fog").await;
    let hidden = edge.publish(&bob, "my #lake").await;
    assert_eq!(edge.patch("/v1/me", &bob, json!({ "private": true })).await.status, 200);

    let page = edge.get("/v1/hashtags/LAKE/posts?limit=1", &grace).await.json();
    assert_eq!(post_ids(&page), std::slice::from_ref(&second));
    let next = format!("/v1/hashtags/lake/posts?limit=1&cursor={}", text(&page["next_cursor"]));
    let page = edge.get(&next, &grace).await.json();
    assert_eq!((post_ids(&page), &page["next_cursor"]), (vec![first.clone()], &Value::Null));
    assert_eq!(post_ids(&edge.get("/v1/hashtags/lake/posts", &bob).await.json()), [hidden, second.clone(), first]);
    assert_eq!(post_ids(&edge.get("/v1/hashtags/never/posts", &grace).await.json()), [""; 0]);
    assert_eq!(edge.get("/v1/hashtags/no-tag/posts", &grace).await.status, 422);

    let edit = edge.patch(&format!("/v1/posts/{second}"), &ada, json!({ "caption": "only #fog" })).await;
    assert_eq!(edit.status, 200);
    assert_eq!(post_ids(&edge.get("/v1/hashtags/lake/posts", &grace).await.json()).len(), 1);
    assert_eq!(edge.put(&format!("/v1/users/{ada_id}/block"), &grace).await.status, 204);
    assert_eq!(post_ids(&edge.get("/v1/hashtags/fog/posts", &grace).await.json()), [""; 0], "blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn hashtags_trend_by_people_and_are_followed() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, bob) = edge.person("bob").await;
    for caption in ["#spam", "#spam again", "#spam #lake"] {
        edge.publish(&ada, caption).await;
    }
    edge.publish(&bob, "#lake").await;
    let list = eventually("trends", || async {
        let list = edge.get("/v1/hashtags/trending", &bob).await.json();
        (tags(&list, "items") == ["lake", "spam"]).then_some(list)
    })
    .await;
    assert_eq!(list["items"][0]["following"], false);
    for tag in ["Lake", "lake", "fog"] {
        assert_eq!(edge.put(&format!("/v1/hashtags/{tag}/follow"), &bob).await.status, 204);
    }
    assert_eq!(edge.get("/v1/hashtags/followed", &bob).await.json()["items"], json!(["fog", "lake"]));
    assert_eq!(edge.get("/v1/hashtags/trending?limit=1", &bob).await.json()["items"][0]["following"], true);
    assert_eq!(edge.delete("/v1/hashtags/lake/follow", &bob).await.status, 204);
    assert_eq!(edge.get("/v1/hashtags/followed", &bob).await.json()["items"], json!(["fog"]));
    assert_eq!(edge.put("/v1/hashtags/12/follow", &bob).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn hashtags_trend_only_with_a_post_that_the_viewer_may_see() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (bob_id, bob) = edge.person("bob").await;
    let (_, eve) = edge.person("eve").await;
    let (grace_id, grace) = edge.person("grace").await;
    edge.publish(&ada, "#lake").await;
    let deleted = edge.publish(&ada, "#gone").await;
    edge.publish(&bob, "#muted").await;
    edge.publish(&eve, "#blocked").await;
    let trends = async |token: &str| tags(&edge.get("/v1/hashtags/trending", token).await.json(), "items");
    eventually("trends", || async { (trends(&grace).await.len() == 4).then_some(()) }).await;

    assert_eq!(edge.delete(&format!("/v1/posts/{deleted}"), &ada).await.status, 204);
    assert_eq!(edge.put(&format!("/v1/users/{bob_id}/mute"), &grace).await.status, 204);
    assert_eq!(edge.put(&format!("/v1/users/{grace_id}/block"), &eve).await.status, 204);
    eventually("the others are gone", || async { (trends(&grace).await == ["lake"]).then_some(()) }).await;
    let mut others = trends(&bob).await;
    others.sort();
    assert_eq!(others, ["blocked", "lake", "muted"], "who may see them still does");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_hashtags_are_found_as_one_types() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (bob_id, bob) = edge.person("bob_l").await;
    assert_eq!(edge.patch("/v1/me", &bob, json!({ "display_name": "Robert Adams" })).await.status, 200);
    edge.publish(&ada, "#adventure #adobe").await;
    edge.publish(&bob, "#adobe").await;

    let found = edge.get("/v1/search?q=ad", &ada).await.json();
    assert_eq!(names(&found), ["ada", "bob_l"]);
    assert_eq!(found["users"][1]["relationship"]["following"], false);
    let mut hashtags = tags(&found, "hashtags");
    hashtags.sort();
    assert_eq!(hashtags, ["adobe", "adventure"]);
    let found = edge.get("/v1/search?q=%40bob_", &ada).await.json();
    assert_eq!((names(&found), tags(&found, "hashtags").len()), (vec!["bob_l".to_owned()], 0));
    let found = edge.get("/v1/search?q=%23ado", &ada).await.json();
    assert_eq!((names(&found).len(), &found["hashtags"]), (0, &json!([{ "tag": "adobe", "post_count": 2 }])));
    assert_eq!(names(&edge.get("/v1/search?q=adams+rob", &ada).await.json()), ["bob_l"]);
    assert_eq!(edge.put(&format!("/v1/users/{bob_id}/block"), &ada).await.status, 204);
    assert_eq!(names(&edge.get("/v1/search?q=ad", &ada).await.json()), ["ada"], "whom one blocks is not found");
    for bad in ["", "?q=", "?q=%20", &format!("?q={}", "x".repeat(101)), "?q=%00", "?q=a&limit=0"] {
        let reply = edge.get(&format!("/v1/search{bad}"), &ada).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (422, &json!("validation_failed")), "{bad}");
    }
}
