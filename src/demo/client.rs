//! A small client of the public HTTP API: one call with its deadline, patience with a busy server, problems as errors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::DemoError;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 8;
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

    /// A JSON call; the reply's body, or null where it has none. Retries keep their idempotency key, so nothing happens twice.
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
        let backoff = Duration::from_millis(100 << attempt.min(6));
        let wait = match request().send().await {
            Ok(response) if response.status().is_success() => return Ok(response),
            Ok(response) if attempt < ATTEMPTS && is_busy(response.status()) => {
                retry_after(&response).unwrap_or(backoff).min(LONGEST_WAIT)
            }
            Ok(response) => return Err(refused(name, response).await),
            Err(error) if attempt < ATTEMPTS && !error.is_builder() => {
                tracing::debug!(call = name, %error, attempt, "request failed, trying again");
                backoff
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
