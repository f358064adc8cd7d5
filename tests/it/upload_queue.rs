//! The bounded queue of media jobs, filled up.

use crate::large_uploads::{large_jpeg, open, send_part, sha256};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::{path::Path, time::Duration};
use tessera_tests::{Api, Node, eventually, long_film, small_jpeg};

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
