//! Large files in parts, and checksums.

use crate::Node;
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tessera_tests::{Person, small_jpeg};

/// A picture of a little more than 16 MiB: what follows the end of a JPEG's data is nobody's.
pub(crate) fn large_jpeg() -> Vec<u8> {
    let mut bytes = small_jpeg(7);
    bytes.resize((16 << 20) + 5, 0);
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha256::digest(bytes))
}

pub(crate) async fn open(ada: &Person, bytes: &[u8], checksum: &str) -> Value {
    let size = bytes.len();
    let body = json!({
        "filename": "p.jpg", "file_size": size, "content_type": "image/jpeg", "checksum_sha256": checksum,
    });
    ada.post("/v1/uploads", body).await.expect("an upload is opened")
}

pub(crate) async fn send_part(ada: &Person, multipart: &Value, index: usize, bytes: &[u8]) -> StatusCode {
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
