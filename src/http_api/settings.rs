//! What an operator may set of the public edge.

use bytes::Bytes;
use std::{fmt, sync::Arc, time::Duration};

/// So many requests per minute, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub per_minute: u32,
    /// Taken at once before the rate counts.
    pub burst: u32,
}

/// Rate limits per class of request.
#[derive(Debug, Clone)]
pub struct RateSettings {
    /// False turns all of them off.
    pub enabled: bool,
    /// Sign-up and log-in, per address.
    pub credentials: Quota,
    pub writes: Quota,
    /// Pictures to search with, per token.
    pub pictures: Quota,
    pub reads: Quota,
    /// Everything that needs no token, and what brings a wrong one, per address.
    pub anonymous: Quota,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            credentials: Quota { per_minute: 10, burst: 20 },
            writes: Quota { per_minute: 600, burst: 200 },
            pictures: Quota { per_minute: 30, burst: 10 },
            reads: Quota { per_minute: 1_800, burst: 400 },
            anonymous: Quota { per_minute: 6_000, burst: 2_000 },
        }
    }
}

/// Whether the edge may answer at all right now; asked for every request.
#[derive(Clone)]
pub struct ServingGate(Arc<dyn Fn() -> bool + Send + Sync>);

impl ServingGate {
    /// A gate that is open as long as `may_serve` says so.
    pub fn new(may_serve: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(may_serve))
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        (self.0)()
    }
}

impl Default for ServingGate {
    fn default() -> Self {
        Self::new(|| true)
    }
}

impl fmt::Debug for ServingGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServingGate(open: {})", self.is_open())
    }
}

/// What the public edge needs to know.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// How browsers reach this edge, without a slash at the end: `https://photos.example`.
    pub public_url: String,
    /// Where presigned uploads go, without a slash at the end, if that is another origin; the page may connect there.
    pub upload_origin: Option<String>,
    /// Believe `X-Forwarded-For`. Only right behind a proxy that sets it.
    pub trust_forwarded: bool,
    pub rates: RateSettings,
    /// Pages of which other origins may use the API; `*` stands for all.
    pub cors_origins: Vec<String>,
    /// Past it a request is answered 503.
    pub request_timeout: Duration,
    /// Requests served at the same time; past it they are refused as overloaded.
    pub max_concurrent_requests: usize,
    /// Closed while a node of a cluster is not sure to be a member.
    pub gate: ServingGate,
    /// The people whom a demo lets visitors sign in as, as JSON; `None` outside demos.
    pub demo_people: Option<Bytes>,
}

impl EdgeSettings {
    /// The absolute URL of `path`, which begins with a slash.
    pub fn absolute_url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.trim_end_matches('/'))
    }
}

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            upload_origin: None,
            trust_forwarded: false,
            rates: RateSettings::default(),
            cors_origins: Vec::new(),
            request_timeout: Duration::from_secs(15),
            max_concurrent_requests: 4_096,
            gate: ServingGate::default(),
            demo_people: None,
        }
    }
}
