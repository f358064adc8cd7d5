//! A client of the public API, as a product's client would be.

use crate::eventually;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;

/// The API of one node, without a token.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base_url: String,
}

/// Somebody with an account and a token.
#[derive(Clone)]
pub struct Person {
    /// The API they use.
    pub api: Api,
    pub id: String,
    pub username: String,
    pub token: String,
}

/// A refusal: status and stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: u16,
    /// The problem's `code`; empty where the answer never came.
    pub code: String,
    /// The whole body, for messages.
    pub body: String,
}

/// A whole reply, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Reply {
    /// A header's value; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
}

#[derive(Debug, Clone)]
pub struct Uploaded {
    pub upload_id: String,
    pub post_id: String,
}

impl Api {
    /// The API at `base_url`.
    pub fn new(base_url: &str) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(30)).pool_max_idle_per_host(64).build();
        Self { client: client.expect("a client can be built"), base_url: base_url.to_owned() }
    }

    /// The plain HTTP client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The absolute URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// A request to a path, to be filled in and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// GETs an absolute URL with these headers.
    pub async fn fetch(&self, url: &str, headers: &[(&str, &str)]) -> Reply {
        let request = headers.iter().fold(self.client.get(url), |request, (name, value)| request.header(*name, *value));
        Self::send(request).await
    }

    /// Sends a request and takes the whole reply, whatever its status.
    pub async fn send(request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, bytes: response.bytes().await.expect("a body").to_vec() }
    }

    /// Signs up `count` people, named `prefix` and a number.
    pub async fn sign_up_many(&self, prefix: &str, count: usize) -> Vec<Person> {
        let people = (0..count).map(|number| {
            let (api, name) = (self.clone(), format!("{prefix}{number}"));
            async move { api.sign_up(&name).await }
        });
        crate::side_by_side(32, people).await
    }

    /// Waits until the node answers, as after a restart.
    pub async fn answers(&self) {
        eventually("the node's answer", Duration::from_secs(60), || async {
            self.client.get(self.url("/openapi.json")).send().await.ok()
        })
        .await;
    }

    pub async fn sign_up(&self, username: &str) -> Person {
        let body = json!({ "username": username, "password": "correct horse battery" });
        let reply = self.call(Method::POST, "/v1/users", None, Some(body)).await.expect("signs up");
        self.person(&reply, username)
    }

    /// Logs somebody in again.
    pub async fn log_in(&self, username: &str) -> Person {
        let body = json!({ "username": username, "password": "correct horse battery" });
        let reply = self.call(Method::POST, "/v1/sessions", None, Some(body)).await.expect("logs in");
        self.person(&reply, username)
    }

    fn person(&self, reply: &Value, username: &str) -> Person {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        Person {
            api: self.clone(),
            id: text(&reply["user"]["id"]),
            username: username.to_owned(),
            token: text(&reply["token"]),
        }
    }

    /// Calls the API; the body of a success (null where empty), or the problem.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Result<Value, Problem> {
        let mut request = self.client.request(method, self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        match request.send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(lost(&error)),
        }
    }
}

fn lost(error: &reqwest::Error) -> Problem {
    Problem { status: 0, code: String::new(), body: error.to_string() }
}

async fn read(response: Response) -> Result<Value, Problem> {
    let status = response.status();
    let text = response.text().await.map_err(|error| lost(&error))?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    Err(Problem { status: status.as_u16(), code, body: text })
}

impl Person {
    /// The same person at another place, such as a node of the same cluster.
    pub fn on(&self, api: &Api) -> Self {
        Self { api: api.clone(), ..self.clone() }
    }

    /// GET with the token.
    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        self.api.call(Method::GET, path, Some(&self.token), None).await
    }

    /// POST with the token and a body.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Problem> {
        self.api.call(Method::POST, path, Some(&self.token), Some(body)).await
    }

    /// POST with the token and no body.
    pub async fn post_empty(&self, path: &str) -> Result<Value, Problem> {
        self.api.call(Method::POST, path, Some(&self.token), None).await
    }

    /// PATCH with the token and a body.
    pub async fn patch(&self, path: &str, body: Value) -> Result<Value, Problem> {
        self.api.call(Method::PATCH, path, Some(&self.token), Some(body)).await
    }

    /// PUT with the token and no body.
    pub async fn put(&self, path: &str) -> Result<Value, Problem> {
        self.api.call(Method::PUT, path, Some(&self.token), None).await
    }

    /// DELETE with the token.
    pub async fn delete(&self, path: &str) -> Result<Value, Problem> {
        self.api.call(Method::DELETE, path, Some(&self.token), None).await
    }

    pub async fn follow(&self, other: &Person) {
        self.put(&format!("/v1/users/{}/follow", other.id)).await.expect("follows");
    }

    /// Asks for an upload of `bytes`.
    pub async fn create_upload(&self, content_type: &str, size: usize) -> Result<Value, Problem> {
        let body = json!({ "filename": "picture", "file_size": size, "content_type": content_type });
        self.post("/v1/uploads", body).await
    }

    /// PUTs bytes to a presigned URL with the headers that came with it; gives the status.
    pub async fn put_object(&self, upload: &Value, bytes: Vec<u8>) -> StatusCode {
        let url = upload["presigned_url"].as_str().expect("a URL");
        let mut request = self.api.client.put(url).body(bytes);
        for (name, value) in upload["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("a header's value"));
        }
        request.send().await.map_or(StatusCode::BAD_GATEWAY, |response| response.status())
    }

    /// Uploads and waits until the upload has ended, whichever way; gives its last state.
    pub async fn upload(&self, bytes: Vec<u8>, content_type: &str, caption: &str) -> Value {
        let upload = self.create_upload(content_type, bytes.len()).await.expect("an upload is opened");
        assert!(self.put_object(&upload, bytes).await.is_success(), "the object is stored");
        let id = upload["upload_id"].as_str().expect("an id").to_owned();
        let body = json!({ "caption": caption, "alt_text": "" });
        self.post(&format!("/v1/uploads/{id}/complete"), body).await.expect("is completed");
        self.upload_ended(&id).await
    }

    /// Waits until an upload has ended, whichever way; gives its last state.
    pub async fn upload_ended(&self, upload_id: &str) -> Value {
        eventually("the upload's end", Duration::from_secs(120), || async {
            let state = self.get(&format!("/v1/uploads/{upload_id}")).await.ok()?;
            matches!(state["status"].as_str(), Some("completed" | "failed")).then_some(state)
        })
        .await
    }

    /// Posts a small picture; gives its ids.
    pub async fn post_picture(&self, seed: u64, caption: &str) -> Uploaded {
        let state = self.upload(crate::small_jpeg(seed), "image/jpeg", caption).await;
        assert_eq!(state["status"], "completed", "{state}");
        Uploaded {
            upload_id: state["upload_id"].as_str().unwrap_or_default().to_owned(),
            post_id: state["post_id"].as_str().expect("a completed upload has a post").to_owned(),
        }
    }

    /// Posts `count` small pictures, captioned with their numbers, a few at a time; gives the posts' ids.
    pub async fn post_pictures(&self, count: usize) -> Vec<String> {
        let posts = (0..count).map(|number| {
            let person = self.clone();
            async move { person.post_picture(number as u64, &format!("picture {number}")).await.post_id }
        });
        crate::side_by_side(8, posts).await
    }

    /// POST with the token, a body and an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, body: Value, key: &str) -> Result<Value, Problem> {
        let request = self.api.request(Method::POST, path).bearer_auth(&self.token).header("idempotency-key", key);
        match request.json(&body).send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(lost(&error)),
        }
    }

    /// All entries of a paged list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=100{cursor}")).await.expect("a page");
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// The whole feed, page by page to its end, seen posts included where wanted.
    pub async fn whole_feed(&self, include_seen: bool) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.feed(&format!("?limit=100&include_seen={include_seen}{cursor}")).await;
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    /// Waits until the next feed has (or no longer has) a post; seen ones count.
    pub async fn feed_comes_to(&self, post_id: &str, has: bool) {
        eventually("a feed", Duration::from_secs(10), || async {
            let ids = self.feed_ids("?limit=100&include_seen=true").await;
            (ids.iter().any(|id| id == post_id) == has).then_some(())
        })
        .await;
    }

    /// A page of the feed.
    pub async fn feed(&self, query: &str) -> Value {
        self.get(&format!("/v1/feed{query}")).await.expect("a feed")
    }

    /// The ids of a feed page's posts.
    pub async fn feed_ids(&self, query: &str) -> Vec<String> {
        ids_of(&self.feed(query).await)
    }
}

/// The ids of the posts on a feed page.
pub fn ids_of(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item["post"]["post_id"].as_str().expect("an id").to_owned()).collect()
}
