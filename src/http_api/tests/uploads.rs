//! Uploads up to the queued job.

use super::support::{Edge, request};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tessera_domain::time::DAY_MS;
use tessera_ports::{ObjectStore, clock};
use tessera_ports_testing::faults::{FateOutcome, FaultPlan};

fn ask(size: u64) -> Value {
    json!({ "filename": "sunset.jpeg", "file_size": size, "content_type": "image/jpeg" })
}

#[tokio::test]
async fn an_upload_goes_from_its_ticket_to_its_job() {
    let edge = Edge::start().await;
    let (ada_id, ada) = edge.person("ada").await;
    let (_, grace) = edge.person("grace").await;
    let ticket = edge.post("/v1/uploads", &ada, ask(5)).await;
    assert_eq!(ticket.status, 201);
    let ticket = ticket.json();
    let id = ticket["upload_id"].as_str().expect("id");
    let key = ticket["object_key"].as_str().expect("key");
    assert!(key.starts_with(&format!("uploads/{ada_id}/")) && key.ends_with(&format!("{id}.jpg")), "{key}");
    assert_eq!(ticket["method"], "PUT");
    assert!(ticket["presigned_url"].as_str().is_some_and(|url| url.contains("X-Amz-Signature")));
    assert!(ticket["headers"].is_object() && ticket["expires_at"].as_str().is_some_and(|time| time.ends_with('Z')));

    let path = format!("/v1/uploads/{id}");
    let complete = format!("{path}/complete");
    assert_eq!(edge.get(&path, &ada).await.json()["status"], "pending");
    edge.get(&path, &grace).await.is_problem(404, "not_found");
    edge.post(&complete, &grace, json!({})).await.is_problem(404, "not_found");
    edge.post(&complete, &ada, json!({})).await.is_problem(422, "validation_failed");

    edge.put_object(key, "image/jpeg", b"12345").await;
    let too_long = json!({ "caption": "x".repeat(2_201) });
    assert_eq!(edge.post(&complete, &ada, too_long).await.is_problem(422, "validation_failed")["field"], "caption");
    for _ in 0..2 {
        let done = edge.post(&complete, &ada, json!({ "caption": "Dusk #sea" })).await;
        assert_eq!((done.status.as_u16(), &done.json()["upload_id"]), (202, &ticket["upload_id"]));
    }
    // Without any body, too, and with the null that the document allows.
    for body in [None, Some(Value::Null), Some(json!({}))] {
        assert_eq!(edge.call(Method::POST, &complete, &ada, body).await.status, 202);
    }
    // Five bytes are no picture, and the owner is told so.
    let mut state = edge.get(&path, &ada).await.json();
    for _ in 0..100 {
        if state["status"] != "processing" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        state = edge.get(&path, &ada).await.json();
    }
    assert_eq!(state["status"], "failed");
    assert!(state["error"].as_str().is_some_and(|reason| !reason.is_empty()) && state.get("post_id").is_none());
    assert_eq!(edge.post(&complete, &ada, json!({})).await.json()["status"], "failed");
}

#[tokio::test]
async fn what_is_stored_must_have_the_stated_size() {
    let edge = Edge::start().await;
    let (_, ada) = edge.person("ada").await;
    let ticket = edge.post("/v1/uploads", &ada, ask(5)).await.json();
    edge.put_object(ticket["object_key"].as_str().expect("key"), "image/jpeg", b"1234567").await;
    let path = format!("/v1/uploads/{}/complete", ticket["upload_id"].as_str().expect("id"));
    assert_eq!(edge.post(&path, &ada, json!({})).await.is_problem(422, "validation_failed")["field"], "file_size");
}

#[tokio::test]
async fn sizes_types_and_quota_are_checked() {
    let edge = Edge::start_with(|_, app| app.daily_upload_quota = Some(1)).await;
    let (_, ada) = edge.person("ada").await;
    for (field, body) in [
        ("file_size", ask(0)),
        ("file_size", ask(u64::MAX)),
        ("content_type", json!({ "filename": "a.svg", "file_size": 9, "content_type": "image/svg+xml" })),
        ("filename", json!({ "filename": " ", "file_size": 9, "content_type": "image/png" })),
    ] {
        assert_eq!(edge.post("/v1/uploads", &ada, body).await.is_problem(422, "validation_failed")["field"], field);
    }
    edge.post("/v1/uploads", &ada, json!({ "filename": "a", "file_size": -1, "content_type": "image/png" }))
        .await
        .is_problem(400, "malformed_request");
    assert_eq!(edge.post("/v1/uploads", &ada, ask(9)).await.status, 201);
    let over = edge.post("/v1/uploads", &ada, ask(9)).await;
    over.is_problem(429, "quota_exceeded");
    let wait: u64 = over.header("retry-after").parse().expect("seconds");
    assert!((1..=86_400).contains(&wait));
    edge.get("/v1/uploads/nonsense", &ada).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_full_queue_refuses_and_changes_nothing() {
    let edge = Edge::start_with(|_, app| app.max_queued_jobs = 0).await;
    let (_, ada) = edge.person("ada").await;
    let ticket = edge.post("/v1/uploads", &ada, ask(5)).await.json();
    edge.put_object(ticket["object_key"].as_str().expect("key"), "image/jpeg", b"12345").await;
    let path = format!("/v1/uploads/{}", ticket["upload_id"].as_str().expect("id"));
    let refused = edge.post(&format!("{path}/complete"), &ada, json!({})).await;
    refused.is_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(edge.get(&path, &ada).await.json()["status"], "pending");
}

#[tokio::test]
async fn one_key_opens_one_upload_even_without_its_saved_reply() {
    let edge = Edge::start_with(|_, app| app.daily_upload_quota = Some(1)).await;
    let (ada_id, ada) = edge.person("ada").await;
    let first = edge.send(request(Method::POST, "/v1/uploads", &ada, &[("idempotency-key", "k1")], Some(ask(5)))).await;
    assert_eq!(first.status, 201);
    // As after a crash between the commit and the saving of the reply: the ledger alone knows the key.
    let user_id = ada_id.parse().expect("id");
    let again = tessera_app::uploads::UploadRequest {
        filename: "sunset.jpeg".to_owned(),
        file_size_bytes: 5,
        content_type: "image/jpeg".to_owned(),
        checksum_sha256: None,
        idempotency_key: Some("k1".to_owned()),
    };
    let again = edge.state.app.uploads.create_upload(user_id, again).await.expect("the same upload");
    assert_eq!(first.json()["upload_id"], again.upload_id.to_string());
}

#[tokio::test]
async fn a_node_without_ffmpeg_refuses_videos_at_once_and_says_so() {
    let edge = Edge::start_with(|_, app| app.video_max_bytes = None).await;
    let (_, ada) = edge.person("ada").await;
    let video = json!({ "filename": "dive.mp4", "file_size": 5, "content_type": "video/mp4" });
    let refusal = edge.post("/v1/uploads", &ada, video).await;
    let problem = refusal.is_problem(422, "validation_failed");
    assert_eq!(problem["field"], "content_type");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("ffmpeg")), "{problem}");
    assert_eq!(edge.post("/v1/uploads", &ada, ask(5)).await.status, 201, "pictures are taken");
    let ready = edge.admin_call(Method::GET, "/readyz", None).await;
    assert_eq!(ready.status, 200, "the rest is served");
    assert!(ready.json()["degraded"][0].as_str().is_some_and(|what| what.starts_with("videos:")), "{}", ready.json());
}

/// The parts of an upload that may be open are kept for the client's next try; those of one that certainly is not are
/// thrown away.
#[tokio::test(flavor = "multi_thread")]
async fn parts_outlive_a_ledger_that_answers_too_late() {
    for outcome in [FateOutcome::FailsAfter, FateOutcome::FailsBefore] {
        // Rare faults, of which one meets the first upload.
        let plan = |seed| FaultPlan { before_rate: 0.01, after_rate: 0.01, ..FaultPlan::quiet(seed) };
        let seed = (0..).find(|seed| plan(*seed).fate("create_upload", 0).outcome == outcome).expect("a seed");
        let edge = Edge::start_over(plan(seed), |_, _| ()).await;
        edge.ledger.decorator().set_enabled(false);
        let (_, token) = edge.person("ada").await;
        let create = || {
            let headers = [("idempotency-key", "one-upload")];
            edge.send(request(Method::POST, "/v1/uploads", &token, &headers, Some(ask(20 << 20))))
        };
        edge.ledger.decorator().set_enabled(true);
        create().await.is_problem(503, "unavailable");
        edge.ledger.decorator().set_enabled(false);
        if outcome == FateOutcome::FailsAfter {
            let upload = create().await.json();
            let path = format!("/v1/uploads/{}/parts", upload["upload_id"].as_str().expect("id"));
            assert_eq!(edge.get(&path, &token).await.status, StatusCode::OK, "{upload}");
        } else {
            let later = clock::now().plus_ms(DAY_MS);
            assert_eq!(edge.objects.abort_old_multiparts("uploads/", later).await.expect("a listing"), 0);
        }
    }
}
