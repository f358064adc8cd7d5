//! The operators' listener.

use super::{
    support::{Edge, request, send},
    world::{eventually, text},
};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn health_is_open_and_the_rest_needs_the_token() {
    let edge = Edge::start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(send(&edge.admin, request(Method::GET, path, "", &[], None)).await.status, 200, "{path}");
    }
    for token in ["", "wrong"] {
        let reply = send(&edge.admin, request(Method::GET, "/admin/jobs", token, &[], None)).await;
        reply.is_problem(401, "unauthenticated");
    }
    edge.get("/admin/jobs", "").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn draining_and_what_is_cut_off_show_in_readiness() {
    let edge = Edge::start().await;
    let ready = edge.admin_call(Method::GET, "/readyz", None).await;
    let cut_off = "recommender: its breaker is open";
    assert_eq!(ready.json(), json!({ "ready": true, "missing": [], "degraded": [cut_off] }));
    assert_eq!(edge.admin_call(Method::POST, "/admin/drain", None).await.status, 202);
    let draining = edge.admin_call(Method::GET, "/readyz", None).await;
    assert_eq!((draining.status.as_u16(), draining.json()["missing"][0].as_str()), (503, Some("draining")));
}

#[tokio::test]
async fn operators_see_and_steer_the_node() {
    let edge = Edge::start().await;
    assert_eq!(edge.admin_call(Method::GET, "/admin/cluster", None).await.json()["shards"], 1_024);
    assert_eq!(edge.admin_call(Method::GET, "/admin/actors", None).await.json()["items"][0]["kind"], "timeline");
    assert_eq!(edge.admin_call(Method::GET, "/admin/jobs?state=dead", None).await.json()["items"], json!([]));
    let bad = edge.admin_call(Method::GET, "/admin/jobs?state=odd", None).await;
    assert_eq!(bad.is_problem(422, "validation_failed")["field"], "state");
    let retry = "/admin/jobs/019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8/retry";
    edge.admin_call(Method::POST, retry, None).await.is_problem(404, "not_found");

    assert_eq!(edge.admin_call(Method::GET, "/admin/events", None).await.json()["items"], json!([]));
    let alive = edge.admin_call(Method::GET, "/admin/events?state=alive", None).await;
    assert_eq!(alive.is_problem(422, "validation_failed")["field"], "state");
    for id in ["17", "none"] {
        let retry = format!("/admin/events/{id}/retry");
        edge.admin_call(Method::POST, &retry, None).await.is_problem(404, "not_found");
    }

    let kill =
        async |target: &str| edge.admin_call(Method::POST, "/admin/chaos", Some(json!({ "kill": target }))).await;
    assert_eq!(kill("timeline:42").await.status, 204);
    kill("timeline:43").await.is_problem(404, "not_found");
    assert_eq!(kill("nonsense").await.is_problem(422, "validation_failed")["field"], "kill");

    let chaos = async |body| edge.admin_call(Method::POST, "/admin/chaos", Some(body)).await;
    let sabotage =
        |breaker: &str, how: &str| json!({ "sabotage": { "breaker": breaker, "how": how, "lasting_ms": 5 } });
    assert_eq!(chaos(sabotage("recommender", "hang")).await.status, 204);
    chaos(sabotage("nothing", "hang")).await.is_problem(404, "not_found");
    chaos(sabotage("recommender", "lie")).await.is_problem(400, "malformed_request");
    chaos(json!({})).await.is_problem(422, "validation_failed");
    let sabotage_actor =
        |actor: &str, how: &str| json!({ "sabotage_actor": { "actor": actor, "how": how, "lasting_ms": 5 } });
    assert_eq!(chaos(sabotage_actor("timeline:42", "flood")).await.status, 204);
    chaos(sabotage_actor("timeline:43", "hang")).await.is_problem(404, "not_found");
    chaos(sabotage_actor("timeline:42", "slow")).await.is_problem(400, "malformed_request");
    let unknown = chaos(sabotage_actor("nonsense", "panic")).await.is_problem(422, "validation_failed");
    assert_eq!(unknown["field"], "sabotage_actor.actor");

    let force = async |name: &str, state: &str| {
        let path = format!("/admin/breakers/{name}");
        edge.admin_call(Method::POST, &path, Some(json!({ "state": state }))).await
    };
    assert_eq!(force("recommender", "open").await.status, 204);
    force("nothing", "open").await.is_problem(404, "not_found");
    force("recommender", "ajar").await.is_problem(400, "malformed_request");
}

#[tokio::test]
async fn what_was_given_up_is_counted_and_listed_page_by_page() {
    let edge = Edge::start().await;
    let (_, token) = edge.person("ada").await;
    for _ in 0..3 {
        let ask = json!({ "filename": "a.png", "file_size": 7, "content_type": "image/png" });
        let ticket = edge.post("/v1/uploads", &token, ask).await.json();
        edge.put_object(&text(&ticket["object_key"]), "image/png", b"nothing").await;
        let path = format!("/v1/uploads/{}", text(&ticket["upload_id"]));
        assert_eq!(edge.post(&format!("{path}/complete"), &token, json!({})).await.status, 202);
        eventually("the job to die", || async {
            (edge.get(&path, &token).await.json()["status"] == "failed").then_some(())
        })
        .await;
    }
    let backlog = edge.admin_call(Method::GET, "/admin/backlog", None).await.json();
    assert_eq!(backlog["jobs"], json!({ "queued": 0, "leased": 0, "dead": 3 }));
    assert_eq!(backlog["events"]["dead"], 0);

    let page = async |query: &str| edge.admin_call(Method::GET, &format!("/admin/jobs?limit=2{query}"), None).await;
    let all = edge.admin_call(Method::GET, "/admin/jobs", None).await.json();
    assert_eq!(all["next_cursor"], json!(null));
    let first = page("&state=dead").await.json();
    assert_eq!(first["items"].as_array().expect("items")[..], all["items"].as_array().expect("items")[..2]);
    let cursor = text(&first["next_cursor"]);
    let second = page(&format!("&state=dead&cursor={cursor}")).await.json();
    assert_eq!(second, json!({ "items": [all["items"][2]], "next_cursor": null }));
    assert_eq!(page("&cursor=odd").await.is_problem(422, "validation_failed")["field"], "cursor");
    let events = edge.admin_call(Method::GET, &format!("/admin/events?cursor={cursor}"), None).await;
    assert_eq!(events.is_problem(422, "validation_failed")["field"], "cursor", "a cursor of another list");
}

#[tokio::test]
async fn campaigns_need_a_post_and_a_window() {
    let edge = Edge::start().await;
    assert_eq!(edge.admin_call(Method::GET, "/admin/ads?active=true", None).await.json()["items"], json!([]));
    let campaign = |ends_at: &str| {
        let ends_at = ends_at.to_owned();
        json!({ "post_id": "1", "starts_at": "2026-01-01T00:00:00Z", "ends_at": ends_at, "daily_budget": 5, "frequency_cap": 1 })
    };
    let create = async |body| edge.admin_call(Method::POST, "/admin/ads", Some(body)).await;
    create(campaign("2027-01-01T00:00:00Z")).await.is_problem(404, "not_found");
    assert_eq!(create(campaign("2025-01-01T00:00:00Z")).await.is_problem(422, "validation_failed")["field"], "ends_at");
    create(campaign("soon")).await.is_problem(400, "malformed_request");
}
