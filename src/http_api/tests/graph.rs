//! Follow, block and mute.

use super::support::Edge;
use http::Method;
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().map(|item| item["username"].as_str().expect("name")).collect()
}

#[tokio::test]
async fn following_is_idempotent_and_counted() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    for _ in 0..2 {
        assert_eq!(edge.put("/v1/users/@grace/follow", &ada).await.status, 204);
    }
    let profile = edge.get("/v1/users/@grace", &ada).await.json();
    assert_eq!((&profile["follower_count"], &profile["relationship"]["following"]), (&json!(1), &json!(true)));
    assert_eq!(edge.get("/v1/users/@ada", &grace).await.json()["relationship"]["followed_by"], true);
    for _ in 0..2 {
        assert_eq!(edge.delete("/v1/users/@grace/follow", &ada).await.status, 204);
    }
    assert_eq!(edge.get("/v1/users/@grace", &ada).await.json()["follower_count"], 0);
    edge.put("/v1/users/@nobody/follow", &ada).await.is_problem(404, "not_found");
    edge.put("/v1/users/@ada/follow", &ada).await.is_problem(422, "validation_failed");
    edge.put("/v1/users/@grace/follow", "").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn lists_are_paged_to_their_end() {
    let edge = Edge::start().await;
    let (_, star) = edge.person("star").await;
    for n in 0..5 {
        let (_, fan) = edge.person(&format!("fan{n}")).await;
        edge.put("/v1/users/@star/follow", &fan).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/users/@star/followers?limit=2".to_owned();
    loop {
        let page = edge.get(&path, &star).await.json();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/users/@star/followers?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["fan4", "fan3", "fan2", "fan1", "fan0"]);
    for bad in ["limit=0", "limit=101", "limit=abc", "limit=", "cursor=nonsense", "cursor="] {
        let reply = edge.get(&format!("/v1/users/@star/followers?{bad}"), &star).await;
        let field = bad.split('=').next().expect("field");
        assert_eq!(reply.is_problem(422, "validation_failed")["field"], field, "{bad}");
    }
}

#[tokio::test]
async fn a_block_hides_both_from_each_other() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, mallory) = edge.person("mallory").await;
    edge.put("/v1/users/@ada/follow", &mallory).await;
    assert_eq!(edge.put("/v1/users/@mallory/block", &ada).await.status, 204);
    assert_eq!(edge.get("/v1/me", &ada).await.json()["follower_count"], 0);
    edge.get("/v1/users/@ada", &mallory).await.is_problem(404, "not_found");
    edge.get("/v1/users/@ada/followers", &mallory).await.is_problem(404, "not_found");
    edge.put("/v1/users/@ada/follow", &mallory).await.is_problem(404, "not_found");
    assert_eq!(edge.get("/v1/users/@mallory", &ada).await.json()["relationship"]["blocking"], true);
    edge.get("/v1/users/@mallory/following", &ada).await.is_problem(404, "not_found");
    // Both may block and unblock without learning of the other's block.
    assert_eq!(edge.put("/v1/users/@ada/block", &mallory).await.status, 204);
    assert_eq!(edge.delete("/v1/users/@ada/block", &mallory).await.status, 204);
    assert_eq!(edge.delete("/v1/users/@mallory/block", &ada).await.status, 204);
    assert_eq!(edge.get("/v1/users/@ada", &mallory).await.status, 200);
}

#[tokio::test]
async fn private_lists_are_for_followers_and_mutes_are_silent() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    edge.call(Method::PATCH, "/v1/me", &ada, Some(json!({ "private": true }))).await;
    edge.get("/v1/users/@ada/followers", &grace).await.is_problem(403, "forbidden");
    edge.put("/v1/users/@ada/follow", &grace).await;
    assert_eq!(names(&edge.get("/v1/users/@ada/followers", &grace).await.json()), ["grace"]);
    assert_eq!(edge.put("/v1/users/@ada/mute", &grace).await.status, 204);
    assert_eq!(edge.get("/v1/users/@ada", &grace).await.json()["relationship"]["muting"], true);
    assert_eq!(edge.delete("/v1/users/@ada/mute", &grace).await.status, 204);
    assert_eq!(edge.get("/v1/users/@ada", &grace).await.json()["relationship"]["muting"], false);
}
