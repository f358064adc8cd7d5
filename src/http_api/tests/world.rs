//! People who post, through the public API.

use super::support::Edge;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const PICTURE: &[u8] = include_bytes!("picture.png");
/// Waits this long for what happens in the background.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until there is an answer.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let wait = async {
        loop {
            match ask().await {
                Some(answer) => return answer,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned()
}

/// The post ids of a page, of a feed or of a list of posts.
pub(super) fn post_ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("items in {page}"));
    items.iter().map(|item| text(item.get("post").map_or(&item["post_id"], |post| &post["post_id"]))).collect()
}

impl Edge {
    /// Uploads a picture and waits for its post; gives the post's id.
    pub(super) async fn publish(&self, token: &str, caption: &str) -> String {
        let ask = json!({ "filename": "a.png", "file_size": PICTURE.len(), "content_type": "image/png" });
        let ticket = self.post("/v1/uploads", token, ask).await.json();
        self.put_object(&text(&ticket["object_key"]), "image/png", PICTURE).await;
        let path = format!("/v1/uploads/{}", text(&ticket["upload_id"]));
        let done = self.post(&format!("{path}/complete"), token, json!({ "caption": caption })).await;
        assert_eq!(done.status, 202, "{:?}", done.bytes);
        eventually("a post", || async {
            let state = self.get(&path, token).await.json();
            assert_ne!(state["status"], "failed", "{state}");
            (state["status"] == "completed").then(|| text(&state["post_id"]))
        })
        .await
    }

    /// Publishes several posts, one after another; gives their ids, newest first.
    pub(super) async fn publish_many(&self, token: &str, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            ids.insert(0, self.publish(token, &format!("number {number}")).await);
        }
        ids
    }

    pub(super) async fn follow(&self, token: &str, user_id: &str) {
        assert_eq!(self.put(&format!("/v1/users/{user_id}/follow"), token).await.status, 204);
    }

    /// A page of a feed; asserts that nothing is missing from it.
    pub(super) async fn feed(&self, token: &str, query: &str) -> Value {
        let reply = self.get(&format!("/v1/feed?{query}"), token).await;
        assert_eq!(reply.status, 200, "{:?}", reply.bytes);
        let feed = reply.json();
        assert_eq!(feed["degraded"], json!([]), "{feed}");
        feed
    }

    pub(super) async fn patch(&self, path: &str, token: &str, body: Value) -> super::support::Reply {
        self.call(Method::PATCH, path, token, Some(body)).await
    }
}
