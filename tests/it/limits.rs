//! Rate limits and quotas, which every other test turns off.

use reqwest::Method;
use serde_json::json;
use tessera_tests::{Api, Node, side_by_side, small_jpeg};

#[tokio::test]
async fn too_many_requests_are_refused_until_the_time_that_is_told() {
    let node = Node::start(&["limits.enabled=true"]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    let path = format!("/v1/users/{}/mute", bob.id);
    let replies =
        side_by_side(32, (0..400).map(|_| Api::send(api.request(Method::PUT, &path).bearer_auth(&ada.token)))).await;
    assert!(replies.iter().filter(|reply| reply.status == 204).count() >= 200, "a burst is let through");
    let refused = replies.iter().find(|reply| reply.status == 429).expect("what is over the limit is refused");
    assert_eq!(refused.json()["code"], "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(replies.iter().all(|reply| [204, 429].contains(&reply.status)));

    ada.get("/v1/me").await.expect("reads have a budget of their own");
    bob.put(&format!("/v1/users/{}/mute", ada.id)).await.expect("so have others");
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    ada.put(&path).await.expect("after the time that was told it goes on");
}

#[tokio::test]
async fn passwords_cannot_be_tried_at_will() {
    let node = Node::start(&["limits.enabled=true"]);
    let api = node.api();
    api.sign_up("ada").await;
    let tries = (0..40).map(|number| {
        let body = json!({ "username": "ada", "password": format!("wrong password {number}") });
        Api::send(api.request(Method::POST, "/v1/sessions").json(&body))
    });
    let replies = side_by_side(8, tries).await;
    let tried = replies.iter().filter(|reply| reply.status == 401).count();
    assert!(tried <= 25, "{tried} passwords were tried");
    let refused = replies.iter().find(|reply| reply.status == 429).expect("the rest is refused");
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test]
async fn the_daily_quota_holds_and_a_failed_upload_gives_its_unit_back() {
    let node = Node::start(&["limits.enabled=true", "uploads.daily_quota=3"]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    let opened = side_by_side(
        8,
        (0..8).map(|_| {
            let ada = ada.clone();
            async move { ada.create_upload("image/jpeg", 1_000).await }
        }),
    )
    .await;
    let tickets: Vec<_> = opened.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(tickets.len(), 3, "of uploads opened at once the quota lets exactly three through");
    let refused = opened.iter().find_map(|result| result.as_ref().err()).expect("the others are refused");
    assert_eq!((refused.status, refused.code.as_str()), (429, "quota_exceeded"));
    let body = json!({ "filename": "a", "file_size": 10, "content_type": "image/jpeg" });
    let reply = Api::send(api.request(Method::POST, "/v1/uploads").bearer_auth(&ada.token).json(&body)).await;
    let wait: u64 = reply.header("retry-after").parse().expect("whole seconds");
    assert!((1..=86_400).contains(&wait), "until midnight: {wait}");

    bob.create_upload("image/jpeg", 10).await.expect("others have a quota of their own");
    for _ in 0..3 {
        // It is no picture, so it fails, and its unit comes back.
        let ticket = tickets[0];
        let id = ticket["upload_id"].as_str().expect("an id");
        assert!(ada.put_object(ticket, vec![7; 1_000]).await.is_success());
        ada.post_empty(&format!("/v1/uploads/{id}/complete")).await.expect("accepted");
        assert_eq!(ada.upload_ended(id).await["status"], "failed");
    }
    let bytes = small_jpeg(1);
    let ticket = ada.create_upload("image/jpeg", bytes.len()).await.expect("one unit came back");
    assert_eq!(ada.create_upload("image/jpeg", 10).await.expect_err("and only one").code, "quota_exceeded");
    assert!(ada.put_object(&ticket, bytes).await.is_success());
    let id = ticket["upload_id"].as_str().expect("an id");
    ada.post_empty(&format!("/v1/uploads/{id}/complete")).await.expect("accepted");
    assert_eq!(ada.upload_ended(id).await["status"], "completed");
    assert_eq!(ada.create_upload("image/jpeg", 10).await.expect_err("a success costs").code, "quota_exceeded");
}
