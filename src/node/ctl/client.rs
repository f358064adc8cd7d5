//! The client of the admin listener.

use crate::{Failure, compose};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::{path::Path, time::Duration};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Talks to one node's admin listener.
#[derive(Clone)]
pub struct AdminClient {
    http: reqwest::Client,
    base_url: String,
    token: String,
}

impl AdminClient {
    /// A client with the token from the environment or from the node's data folder.
    pub fn new(base_url: &str, data_dir: &Path) -> Result<Self, Failure> {
        let token = match std::env::var("TESSERA__ADMIN__TOKEN") {
            Ok(token) => token,
            Err(_) => compose::read_admin_token(data_dir)?,
        };
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        let http = http.map_err(|error| Failure::start_up(error.to_string()))?;
        Ok(Self { http, base_url: base_url.trim_end_matches('/').to_owned(), token })
    }

    /// The same operator at another node.
    pub fn at(&self, base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { http: self.http.clone(), base_url, token: self.token.clone() }
    }

    /// Whether a node still answers there.
    pub async fn is_alive(&self) -> bool {
        self.call(Method::GET, "/healthz", None).await.is_ok()
    }

    /// GET; anything but success is a failure.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await.and_then(Self::successful)
    }

    /// GET; the body whatever the status says.
    pub async fn get_whatever_status(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await.map(|(_, body)| body)
    }

    /// POST with a JSON body (none for null).
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let body = Some(body).filter(|body| !body.is_null());
        self.call(Method::POST, path, body).await.and_then(Self::successful)
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value), Failure> {
        let request = self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let unreachable = |error: reqwest::Error| {
            let url = &self.base_url;
            Failure::running(format!("no answer from {url}: {error}; is the node running, and is --admin right?"))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    fn successful((status, body): (StatusCode, Value)) -> Result<Value, Failure> {
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().or(body["title"].as_str()).unwrap_or("no reason given");
        let hint = if status == StatusCode::UNAUTHORIZED {
            "; give the node's token in TESSERA__ADMIN__TOKEN (or its folder in --data-dir, where it made its own)"
        } else {
            ""
        };
        Err(Failure::running(format!("the node answered {status}: {detail}{hint}")))
    }
}
