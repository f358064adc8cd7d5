//! The two listeners.

use super::{
    ConfigError,
    check::{address, at_least_one, origin, public_url},
    mode::Mode,
    secret::Secret,
};
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    listen: String,
    public_url: String,
    trust_forwarded: bool,
    cors_origins: Vec<String>,
    request_timeout_ms: u64,
    max_concurrent_requests: usize,
    drain_timeout_ms: u64,
    drain_grace_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdmin {
    listen: String,
    public_url: String,
    token: String,
}

#[derive(Debug, Clone)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// How browsers reach it; `None`: by the listener's address.
    pub public_url: Option<String>,
    pub trust_forwarded: bool,
    /// Pages of which other origins may use the API.
    pub cors_origins: Vec<String>,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// Requests at the same time.
    pub max_concurrent_requests: usize,
    /// How long a drain waits for requests under way.
    pub drain_timeout: Duration,
    /// How long a draining node goes on accepting requests, so that load balancers notice.
    pub drain_grace: Duration,
}

#[derive(Debug, Clone)]
pub struct AdminConfig {
    pub listen: SocketAddr,
    /// How operators reach it; `None`: by the listener's address.
    pub public_url: Option<String>,
    /// The operators' token; `None`: generated.
    pub token: Option<Secret>,
}

impl RawHttp {
    pub(super) fn validate(self, mode: Mode) -> Result<HttpConfig, ConfigError> {
        at_least_one(&[
            ("http.request_timeout_ms", self.request_timeout_ms),
            ("http.max_concurrent_requests", self.max_concurrent_requests as u64),
        ])?;
        let cors_origins = self.cors_origins.into_iter().map(|text| origin("http.cors_origins", text));
        Ok(HttpConfig {
            listen: address("http.listen", &self.listen)?,
            public_url: public_url("http.public_url", self.public_url)?,
            trust_forwarded: self.trust_forwarded,
            cors_origins: cors_origins.collect::<Result<_, _>>()?,
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            max_concurrent_requests: self.max_concurrent_requests,
            drain_timeout: Duration::from_millis(self.drain_timeout_ms),
            drain_grace: match mode {
                // Nobody would take over, so there is nothing to wait for.
                Mode::Embedded => Duration::ZERO,
                Mode::Cluster => Duration::from_millis(self.drain_grace_ms),
            },
        })
    }
}

impl RawAdmin {
    pub(super) fn validate(self) -> Result<AdminConfig, ConfigError> {
        Ok(AdminConfig {
            listen: address("admin.listen", &self.listen)?,
            public_url: public_url("admin.public_url", self.public_url)?,
            token: Some(self.token).filter(|token| !token.is_empty()).map(Secret::new),
        })
    }
}
