//! Making a post as a client does: open an upload, PUT the picture, complete, wait.

use super::client::{Answer, Call, Connection};
use crate::Failure;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The picture: small, so that as little as possible of the time is media.
const SIZE_PX: (u32, u32) = (48, 36);
const QUALITY: u8 = 80;
/// The longest wait for a post.
const LIMIT: Duration = Duration::from_secs(60);

/// Makes posts over connections of its own.
pub struct Composer {
    api: Connection,
    objects: Option<Connection>,
    picture: Bytes,
}

impl Composer {
    /// A composer on the node at `authority`.
    pub fn new(authority: &str) -> Result<Self, Failure> {
        let (width, height) = SIZE_PX;
        let rgb: Vec<u8> =
            (0..width * height).flat_map(|at| [at % 251, at / width * 7, 120].map(|c| c as u8)).collect();
        let picture = tessera_media::encode_jpeg(&rgb, width, height, QUALITY)
            .map_err(|error| Failure::start_up(format!("cannot make a picture: {error}")))?;
        Ok(Self { api: Connection::new(authority), objects: None, picture: picture.into() })
    }

    /// Makes a post and waits until its upload is completed, looking every `poll`. Gives the post's id.
    pub async fn compose(&mut self, token: &str, poll: Duration) -> Result<String, String> {
        let wish = json!({ "filename": "bench.jpg", "file_size": self.picture.len(), "content_type": "image/jpeg" });
        let opened = self.post(token, "/v1/uploads", &wish.to_string(), StatusCode::CREATED).await?.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (upload_id, url) = (text(&opened["upload_id"]), text(&opened["presigned_url"]));
        let headers = opened["headers"].as_object().into_iter().flatten();
        let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.clone(), text(value))).collect();
        self.put(&url, &headers).await?;
        let caption = json!({ "caption": "Made by a bench #bench" }).to_string();
        self.post(token, &format!("/v1/uploads/{upload_id}/complete"), &caption, StatusCode::ACCEPTED).await?;
        let (path, started) = (format!("/v1/uploads/{upload_id}"), Instant::now());
        while started.elapsed() < LIMIT {
            let state = self.api.send(Call::get(&path, token)).await?.json();
            match state["status"].as_str() {
                Some("completed") => return Ok(text(&state["post_id"])),
                Some("pending" | "processing") => sleep(poll).await,
                _ => return Err(format!("the upload did not become a post: {state}")),
            }
        }
        Err(format!("no post within {} s", LIMIT.as_secs()))
    }

    async fn post(&mut self, token: &str, path: &str, body: &str, status: StatusCode) -> Result<Answer, String> {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = self.api.send(Call { headers: &headers, body, ..Call::new(Method::POST, path, token) }).await?;
        if answer.status == status { Ok(answer) } else { Err(answer.complaint()) }
    }

    async fn put(&mut self, url: &str, headers: &[(String, String)]) -> Result<(), String> {
        let (authority, path) = url
            .strip_prefix("http://")
            .and_then(|rest| Some(rest.split_at(rest.find('/')?)))
            .ok_or_else(|| format!("cannot PUT to {url:?}"))?;
        if self.objects.as_ref().is_none_or(|connection| connection.authority() != authority) {
            self.objects = Some(Connection::new(authority));
        }
        let connection = self.objects.as_mut().ok_or("not connected")?;
        let call = Call { method: Method::PUT, path, token: None, headers, body: self.picture.clone() };
        let answer = connection.send(call).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.complaint()) }
    }
}
