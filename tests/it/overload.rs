//! Too much at once: what cannot be served is refused clearly, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tessera_tests::{Api, Node, Person, Reply, eventually, fixture, side_by_side};

fn is_overloaded(reply: &Reply) -> bool {
    let code = reply.json()["code"].clone();
    if reply.status == 503 {
        assert!(code == "overloaded" || code == "unavailable", "{}", reply.text());
        let wait: u64 = reply.header("retry-after").parse().expect("it says when to come again");
        assert!((1..=60).contains(&wait));
    }
    reply.status == 503
}

/// Opens an upload and stores its bytes, so that only `complete` is missing; gives its id.
async fn stored(person: &Person, bytes: &[u8]) -> String {
    let ticket = person.create_upload("image/jpeg", bytes.len()).await.expect("an upload");
    assert!(person.put_object(&ticket, bytes.to_vec()).await.is_success());
    ticket["upload_id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_media_queue_refuses_and_takes_the_upload_later() {
    let node = Node::start(&["uploads.max_queued_jobs=1", "media.workers=1"]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    // Large pictures keep the one worker busy.
    let bytes = fixture("coffee-12mp.jpg");
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(stored(&ada, &bytes).await);
    }
    let completions = ids.iter().map(|id| {
        let path = format!("/v1/uploads/{id}/complete");
        Api::send(api.request(Method::POST, &path).bearer_auth(&ada.token).json(&json!({ "caption": "x" })))
    });
    let replies = side_by_side(6, completions).await;
    let refused: Vec<_> = ids.iter().zip(&replies).filter(|(_, reply)| is_overloaded(reply)).collect();
    assert!(!refused.is_empty() && refused.len() < ids.len(), "{} of {}", refused.len(), ids.len());
    for (id, _) in &refused {
        let state = ada.get(&format!("/v1/uploads/{id}")).await.expect("known");
        assert_eq!(state["status"], "pending", "a refused completion changed nothing");
    }
    for (id, _) in refused {
        eventually("room in the queue", Duration::from_secs(90), || async {
            ada.post_empty(&format!("/v1/uploads/{id}/complete")).await.ok()
        })
        .await;
    }
    for id in &ids {
        assert_eq!(ada.upload_ended(id).await["status"], "completed");
    }
    assert_eq!(ada.get("/v1/me").await.expect("ada")["post_count"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_at_once_are_refused_and_the_node_goes_on() {
    let node = Node::start(&["http.max_concurrent_requests=4"]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let log_ins = (0..40).map(|_| {
        let body = json!({ "username": "ada", "password": "correct horse battery" });
        Api::send(api.request(Method::POST, "/v1/sessions").json(&body))
    });
    let replies = side_by_side(40, log_ins).await;
    let (served, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 201);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served", served.len());
    assert!(refused.into_iter().all(is_overloaded));
    ada.get("/v1/me").await.expect("the node goes on");
    let ready = api.fetch(&format!("{}/readyz", node.admin), &[]).await;
    assert_eq!(ready.status, 200, "operators still get through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_is_cut_off_and_holds_nobody_up() {
    let node = Node::start(&["http.request_timeout_ms=1000"]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let address = node.http.trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.expect("connects");
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 500\r\n\r\n{{",
        ada.token
    );
    tokio::io::AsyncWriteExt::write_all(&mut slow, head.as_bytes()).await.expect("sends");
    ada.get("/v1/me").await.expect("the others are served");
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut slow, &mut answer);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("it is cut off").expect("and told so");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timelines_under_a_tight_memory_budget_still_give_full_feeds() {
    let node = Node::start(&["timelines.memory_bytes=65536"]);
    let api = node.api();
    let author = api.sign_up("author").await;
    let readers = api.sign_up_many("reader", 60).await;
    for reader in &readers {
        reader.follow(&author).await;
    }
    let mut posts = author.post_pictures(10).await;
    posts.sort();
    for _ in 0..3 {
        let reads = readers.iter().cloned().map(|reader| async move {
            let page: Value = reader.feed("?limit=100&include_seen=true").await;
            let mut ids = tessera_tests::ids_of(&page);
            ids.sort();
            (reader.username, ids)
        });
        for (name, ids) in side_by_side(16, reads).await {
            assert_eq!(ids, posts, "{name}");
        }
    }
}
