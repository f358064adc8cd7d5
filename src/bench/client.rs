//! A lean HTTP client: one kept-alive HTTP/1.1 connection, one request at a time.
//!
//! Client and node share the machine's cores, so what the client spends is taken from the node.

use crate::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::Duration;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

/// The longest wait for an answer.
const CALL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// What went wrong, in a line.
    pub fn complaint(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        format!("{}: {}", self.status, body.chars().take(200).collect::<String>())
    }
}

#[derive(Debug, Clone)]
pub struct Call<'a> {
    pub method: Method,
    pub path: &'a str,
    pub token: Option<&'a str>,
    pub headers: &'a [(String, String)],
    pub body: Bytes,
}

impl<'a> Call<'a> {
    /// A request without a body.
    pub fn new(method: Method, path: &'a str, token: &'a str) -> Self {
        Self { method, path, token: Some(token), headers: &[], body: Bytes::new() }
    }

    pub fn get(path: &'a str, token: &'a str) -> Self {
        Self::new(Method::GET, path, token)
    }
}

/// One connection to `address:port`; opened anew after a failure.
pub struct Connection {
    authority: String,
    open: Option<Open>,
}

struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// A connection that opens with its first request.
    pub fn new(authority: impl Into<String>) -> Self {
        Self { authority: authority.into(), open: None }
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends a request and reads the whole answer. The error says what went wrong on the way.
    pub async fn send(&mut self, call: Call<'_>) -> Result<Answer, String> {
        let answered = match timeout(CALL_LIMIT, self.exchange(call)).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} s", CALL_LIMIT.as_secs())),
        };
        if answered.is_err() {
            self.open = None;
        }
        answered
    }

    /// Sends a request that must succeed: seeding, checks.
    pub async fn expect(&mut self, call: Call<'_>) -> Result<Answer, Failure> {
        let what = format!("{} {}", call.method, call.path);
        match self.send(call).await {
            Ok(answer) if answer.status.is_success() => Ok(answer),
            Ok(answer) => Err(Failure::running(format!("{what}: {}", answer.complaint()))),
            Err(error) => Err(Failure::running(format!("{what}: {error}"))),
        }
    }

    async fn exchange(&mut self, call: Call<'_>) -> Result<Answer, String> {
        let mut request = Request::builder().method(call.method).uri(call.path).header(header::HOST, &self.authority);
        if let Some(token) = call.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).map_err(|error| error.to_string())?;
        let open = self.opened().await?;
        open.sender.ready().await.map_err(|error| error.to_string())?;
        let response = open.sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, body })
    }

    async fn opened(&mut self) -> Result<&mut Open, String> {
        if self.open.as_ref().is_none_or(|open| open.sender.is_closed()) {
            let stream = TcpStream::connect(&self.authority)
                .await
                .map_err(|error| format!("cannot connect to {}: {error}", self.authority))?;
            let _ = stream.set_nodelay(true);
            let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
            let driver = tokio::spawn(async move {
                // How it ended is told to whoever waits for an answer.
                let _ = connection.await;
            });
            self.open = Some(Open { sender, driver });
        }
        self.open.as_mut().ok_or_else(|| "not connected".to_owned())
    }
}
