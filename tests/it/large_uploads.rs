//! Large files in parts, and checksums.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{path::Path, time::Duration};
use tessera_tests::{Api, Node, Person, eventually, long_film, small_jpeg};

/// A picture of a little more than 16 MiB: what follows the end of a JPEG's data is nobody's.
fn large_jpeg() -> Vec<u8> {
    let mut bytes = small_jpeg(7);
    bytes.resize((16 << 20) + 5, 0);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}

async fn open(ada: &Person, bytes: &[u8], checksum: &str) -> Value {
    let size = bytes.len();
    let body = json!({
        "filename": "p.jpg", "file_size": size, "content_type": "image/jpeg", "checksum_sha256": checksum,
    });
    ada.post("/v1/uploads", body).await.expect("an upload is opened")
}

async fn send_part(ada: &Person, multipart: &Value, index: usize, bytes: &[u8]) -> StatusCode {
    let start = index * multipart["part_size"].as_u64().expect("a size") as usize;
    let part = &multipart["parts"][index];
    let end = start + part["size"].as_u64().expect("a size") as usize;
    ada.put_object(part, bytes[start..end].to_vec()).await
}

#[tokio::test]
async fn a_large_file_comes_in_parts_and_goes_on_after_an_interruption() {
    let node = Node::start(&[]);
    let api = node.api();
    let (ada, bob) = (api.sign_up("ada").await, api.sign_up("bob").await);
    let bytes = large_jpeg();
    let upload = open(&ada, &bytes, &sha256(&bytes)).await;
    let id = upload["upload_id"].as_str().expect("an id");
    let (parts, complete) = (format!("/v1/uploads/{id}/parts"), format!("/v1/uploads/{id}/complete"));
    let multipart = &upload["multipart"];
    assert_eq!(multipart["part_size"], 8 << 20);
    assert_eq!(multipart["parts"].as_array().map(Vec::len), Some(3));
    assert!(upload["presigned_url"].is_string(), "the whole may still be sent at once");
    for index in [2, 0] {
        assert_eq!(send_part(&ada, multipart, index, &bytes).await, StatusCode::OK);
    }
    assert_eq!(bob.get(&parts).await.expect_err("it is not his").status, 404);
    let early = ada.post(&complete, json!({})).await.expect_err("a part is missing");
    assert_eq!((early.status, early.code.as_str()), (422, "validation_failed"));

    // A client that comes back knows no more than the id.
    let fresh = ada.get(&parts).await.expect("the parts");
    let stored: Vec<_> = (0..3).map(|index| fresh["parts"][index]["etag"].is_string()).collect();
    assert_eq!(stored, [true, false, true]);
    assert!(fresh["parts"][0].get("presigned_url").is_none());
    assert_eq!(send_part(&ada, &fresh, 1, &bytes).await, StatusCode::OK);
    for _ in 0..2 {
        ada.post(&complete, json!({ "caption": "Large" })).await.expect("is completed, and again");
    }
    let ended = ada.upload_ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ada.get(&parts).await.expect_err("it is no longer open").status, 409);

    // Every part is right, and the whole is not what was announced.
    let upload = open(&ada, &bytes, &sha256(b"another file")).await;
    for index in 0..3 {
        assert_eq!(send_part(&ada, &upload["multipart"], index, &bytes).await, StatusCode::OK);
    }
    let id = upload["upload_id"].as_str().expect("an id");
    ada.post(&format!("/v1/uploads/{id}/complete"), json!({})).await.expect("is completed");
    let ended = ada.upload_ended(id).await;
    assert_eq!(ended["status"], "failed");
    assert!(ended["error"].as_str().is_some_and(|reason| reason.contains("checksum")), "{ended}");
}

#[tokio::test]
async fn a_checksum_guards_a_small_file_and_calling_off_takes_the_parts_along() {
    let node = Node::start(&[]);
    let ada = node.api().sign_up("ada").await;
    let picture = small_jpeg(3);
    let upload = open(&ada, &picture, &sha256(&picture)).await;
    let mut other = picture.clone();
    other[300] ^= 1;
    assert!(ada.put_object(&upload, other).await.is_client_error(), "the object store refuses other bytes");
    assert!(ada.put_object(&upload, picture.clone()).await.is_success());
    let private = reqwest::get(upload["presigned_url"].as_str().expect("a URL")).await.expect("a reply");
    assert_eq!(private.status(), StatusCode::FORBIDDEN, "a URL to write is none to read");
    let id = upload["upload_id"].as_str().expect("an id");
    ada.post(&format!("/v1/uploads/{id}/complete"), json!({})).await.expect("is completed");
    assert_eq!(ada.upload_ended(id).await["status"], "completed");
    let body = json!({ "filename": "a", "file_size": 9, "content_type": "image/png", "checksum_sha256": "short" });
    assert_eq!(ada.post("/v1/uploads", body).await.expect_err("is no checksum").status, 422);

    let bytes = large_jpeg();
    let upload = open(&ada, &bytes, &sha256(&bytes)).await;
    assert_eq!(send_part(&ada, &upload["multipart"], 2, &bytes).await, StatusCode::OK);
    ada.delete(&format!("/v1/uploads/{}", upload["upload_id"].as_str().expect("an id"))).await.expect("is called off");
    assert_eq!(send_part(&ada, &upload["multipart"], 2, &bytes).await, StatusCode::NOT_FOUND);
}

/// Files of the object store, and of what was sent to it, whose paths hold `id`.
fn stored_files(data_dir: &Path, id: &str) -> Vec<String> {
    let mut folders = vec![data_dir.join("objects")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.display().to_string().contains(id) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_waits_for_room_in_the_queue_and_goes_with_its_post() {
    let node = Node::start(&["uploads.max_queued_jobs=1", "media.workers=1"]);
    let api = node.api();
    let ada = api.sign_up("ada").await;
    let film = long_film();
    let busy = ada.create_upload("video/mp4", film.len()).await.expect("an upload");
    assert!(ada.put_object(&busy, film).await.is_success());
    let busy = format!("/v1/uploads/{}", busy["upload_id"].as_str().expect("an id"));
    ada.post_empty(&format!("{busy}/complete")).await.expect("accepted");
    eventually("the only worker to be at work", Duration::from_secs(60), || async {
        (ada.get(&busy).await.expect("the upload")["progress"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let picture = small_jpeg(3);
    let waiting = ada.create_upload("image/jpeg", picture.len()).await.expect("an upload");
    assert!(ada.put_object(&waiting, picture).await.is_success());
    let waiting = waiting["upload_id"].as_str().expect("an id");
    ada.post_empty(&format!("/v1/uploads/{waiting}/complete")).await.expect("takes the only place");

    let bytes = large_jpeg();
    let upload = open(&ada, &bytes, &sha256(&bytes)).await;
    let id = upload["upload_id"].as_str().expect("an id");
    for index in 0..3 {
        assert_eq!(send_part(&ada, &upload["multipart"], index, &bytes).await, StatusCode::OK);
    }
    let complete = format!("/v1/uploads/{id}/complete");
    for _ in 0..2 {
        let request = api.request(Method::POST, &complete).bearer_auth(&ada.token).json(&json!({ "caption": "Large" }));
        let refused = Api::send(request).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("overloaded")), "{}", refused.text());
        let wait: u64 = refused.header("retry-after").parse().expect("it says when to come again");
        assert!((1..=60).contains(&wait));
        assert_eq!(ada.get(&format!("/v1/uploads/{id}")).await.expect("known")["status"], "pending");
    }
    ada.delete(&busy).await.expect("is called off");
    assert_eq!(ada.upload_ended(waiting).await["status"], "completed");
    ada.post(&complete, json!({ "caption": "Large" })).await.expect("now there is room");
    let ended = ada.upload_ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(stored_files(node.data_dir(), id).len() >= 6, "the original and five pictures");

    ada.delete(&format!("/v1/posts/{}", ended["post_id"].as_str().expect("a post"))).await.expect("is deleted");
    eventually("the objects to go", Duration::from_secs(20), || async {
        stored_files(node.data_dir(), id).is_empty().then_some(())
    })
    .await;
}
