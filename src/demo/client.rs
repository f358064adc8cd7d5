//! A small client of the public HTTP API: one call with its deadline, patience with a busy server, problems as errors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tessera_ports::back_off::BackOff;

use crate::DemoError;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 8;
/// The pauses between them, where the server names none.
const PAUSES: BackOff = BackOff::new(Duration::from_millis(200), Duration::from_millis(6_400));
/// The longest that one `Retry-After` is believed.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    http: reqwest::Client,
    base_url: String,
    /// Makes the idempotency keys of this run differ from those of earlier runs.
    run: u128,
    calls: AtomicU64,
}

impl Client {
    pub(crate) fn new(base_url: &str) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(|source| DemoError::unreachable(base_url, source))?;
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos());
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), run, calls: AtomicU64::new(0) })
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Result<Value, DemoError> {
        self.call(Method::GET, path, Some(token), None).await
    }

    /// A JSON call; the reply's body, or null where it has none. Retries keep their idempotency key, so nothing happens
    /// twice.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, DemoError> {
        let name = format!("{method} {path}");
        let key = format!("demo-{:x}-{}", self.run, self.calls.fetch_add(1, Ordering::Relaxed));
        let url = format!("{}{path}", self.base_url);
        let response = patiently(&name, || {
            let mut request = self.http.request(method.clone(), &url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if method != Method::GET {
                request = request.header("idempotency-key", &key);
            }
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        })
        .await?;
        let bytes = response.bytes().await.map_err(|source| DemoError::unreachable(&name, source))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| DemoError::unexpected(&name, error.to_string()))
    }

    /// Sends `bytes` to a presigned URL with the headers that were signed.
    pub(crate) async fn put(&self, url: &str, headers: &Value, bytes: Vec<u8>) -> Result<(), DemoError> {
        let bytes = Bytes::from(bytes);
        let name = format!("PUT of {} bytes to the object store", bytes.len());
        patiently(&name, || {
            let mut request = self.http.put(url).body(bytes.clone());
            for (header, value) in headers.as_object().into_iter().flatten() {
                let computed = ["host", "content-length"].iter().any(|other| header.eq_ignore_ascii_case(other));
                if let (false, Some(value)) = (computed, value.as_str()) {
                    request = request.header(header, value);
                }
            }
            request
        })
        .await?;
        Ok(())
    }
}

/// Sends until the server answers something other than "too busy" or "not now"; gives up after [`ATTEMPTS`].
async fn patiently(name: &str, request: impl Fn() -> RequestBuilder) -> Result<Response, DemoError> {
    let mut attempt = 1;
    loop {
        let wait = match request().send().await {
            Ok(response) if response.status().is_success() => return Ok(response),
            Ok(response) if attempt < ATTEMPTS && is_busy(response.status()) => {
                retry_after(&response).map_or_else(|| PAUSES.pause(attempt), |wait| wait.min(LONGEST_WAIT))
            }
            Ok(response) => return Err(refused(name, response).await),
            Err(error) if attempt < ATTEMPTS && !error.is_builder() => {
                tracing::debug!(call = name, %error, attempt, "request failed, trying again");
                PAUSES.pause(attempt)
            }
            Err(error) => return Err(DemoError::unreachable(name, error)),
        };
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3); the date form is not used by this API.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn refused(name: &str, response: Response) -> DemoError {
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap_or_default();
    let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    DemoError::Refused { call: name.to_owned(), status, code: text("code"), detail: text("detail") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that gives one canned answer a connection; returns its address and the requests it will have seen.
    async fn server(answers: Vec<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = seen.clone();
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut buffer = vec![0; 16_384];
                let length = stream.read(&mut buffer).await.expect("a request");
                requests.lock().expect("unpoisoned").push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                stream.write_all(answer.as_bytes()).await.expect("a reader");
            }
        });
        (address, seen)
    }

    const BUSY: &str =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_busy_server_is_asked_again_with_the_same_idempotency_key() {
        let created = "HTTP/1.1 201 Created\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{\"token\":\"t\"}";
        let (address, seen) = server(vec![BUSY, BUSY, created]).await;
        let client = Client::new(&address).expect("a client");
        let body = serde_json::json!({ "username": "mira" });
        let reply = client.call(Method::POST, "/v1/users", None, Some(&body)).await.expect("patience");
        assert_eq!(reply["token"], "t");
        let seen = seen.lock().expect("unpoisoned");
        let key = |request: &String| {
            request.lines().find(|line| line.starts_with("idempotency-key")).map(str::to_owned).expect("a key")
        };
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|request| key(request) == key(&seen[0])));
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_code_and_is_not_repeated() {
        let problem =
            "HTTP/1.1 409 Conflict\r\ncontent-length: 25\r\nconnection: close\r\n\r\n{\"code\":\"username_taken\"}";
        let (address, seen) = server(vec![problem]).await;
        let client = Client::new(&address).expect("a client");
        let error = client.call(Method::POST, "/v1/users", None, None).await.expect_err("refused");
        assert!(matches!(&error, DemoError::Refused { status: 409, code, .. } if code == "username_taken"), "{error}");
        assert_eq!(seen.lock().expect("unpoisoned").len(), 1);
    }

    #[tokio::test]
    async fn uploads_carry_the_signed_headers_and_leave_the_length_to_the_client() {
        let (address, seen) = server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"]).await;
        let client = Client::new(&address).expect("a client");
        let headers = serde_json::json!({ "content-type": "image/jpeg", "content-length": "999", "host": "elsewhere" });
        client.put(&format!("{address}/bucket/key"), &headers, vec![1, 2, 3]).await.expect("accepted");
        let request = seen.lock().expect("unpoisoned")[0].clone();
        assert!(request.contains("content-type: image/jpeg") && request.contains("content-length: 3"), "{request}");
        assert!(!request.contains("elsewhere"));
    }
}
