//! The raw shape of the configuration, and the validated one that the node is composed from.

use super::ConfigError;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tessera_domain::{celebrity::CelebrityRule, ids::MAX_NODE_NUMBER, stitch::FeedRatios};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    mode: String,
    data_dir: PathBuf,
    chaos: bool,
    node: RawNode,
    http: RawHttp,
    admin: RawAdmin,
    log: RawLog,
    ledger: RawLedger,
    hot: RawHot,
    objects: RawObjects,
    feed: RawFeed,
    uploads: RawUploads,
    media: RawMedia,
    timelines: RawTimelines,
    limits: RawLimits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    name: String,
    number: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    listen: String,
    public_url: String,
    trust_forwarded: bool,
    request_timeout_ms: u64,
    max_concurrent_requests: usize,
    drain_timeout_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdmin {
    listen: String,
    token: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLog {
    format: String,
    level: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLedger {
    url: String,
    group_commit: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHot {
    url: String,
    memory_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawObjects {
    endpoint: String,
    listen: String,
    public_url: String,
    bucket: String,
    region: String,
    access_key: String,
    secret_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    ratios: Vec<f64>,
    celebrity_threshold: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUploads {
    max_bytes: u64,
    daily_quota: u32,
    max_queued_jobs: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMedia {
    workers: usize,
    max_megapixels: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimelines {
    idle_after_s: u64,
    memory_bytes: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    enabled: bool,
}

/// Where the ledger lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// An S3 endpoint outside this process.
#[derive(Debug, Clone)]
pub struct S3Endpoint {
    /// Its URL.
    pub url: String,
    /// Its access key.
    pub access_key: String,
    /// Its secret key.
    pub secret_key: String,
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where an embedded node keeps everything.
    pub data_dir: PathBuf,
    /// Whether actors may be killed on request.
    pub chaos: bool,
    /// The node's name.
    pub node_name: String,
    /// The node's number, part of every id.
    pub node_number: u16,
    /// The public listener.
    pub http_listen: SocketAddr,
    /// How browsers reach this node; `None`: by the listener's address.
    pub http_public_url: Option<String>,
    /// Believe `X-Forwarded-For`.
    pub trust_forwarded: bool,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// Requests at the same time.
    pub max_concurrent_requests: usize,
    /// How long a drain waits for requests under way.
    pub drain_timeout: Duration,
    /// The operators' listener.
    pub admin_listen: SocketAddr,
    /// The operators' token; `None`: generated.
    pub admin_token: Option<String>,
    /// Logs as JSON.
    pub log_json: bool,
    /// The log filter.
    pub log_level: String,
    /// The ledger.
    pub ledger: LedgerUrl,
    /// Whether the ledger commits in groups.
    pub group_commit: bool,
    /// The hot store's size in bytes.
    pub hot_memory_bytes: u64,
    /// An S3 endpoint outside this process; `None`: the one inside.
    pub s3: Option<S3Endpoint>,
    /// Where the S3 server inside this process listens.
    pub objects_listen: SocketAddr,
    /// How clients reach the S3 endpoint.
    pub objects_public_url: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// The mix of a feed, normalised.
    pub feed_ratios: FeedRatios,
    /// Who is a celebrity.
    pub celebrity_rule: CelebrityRule,
    /// Largest upload in bytes.
    pub upload_max_bytes: u64,
    /// Uploads per user and day; `None` where limits are off.
    pub daily_upload_quota: Option<u32>,
    /// Media jobs that may wait.
    pub max_queued_jobs: u64,
    /// Pictures at the same time.
    pub media_workers: usize,
    /// Largest picture in pixels.
    pub max_pixels: u64,
    /// When unused timelines leave memory.
    pub timeline_idle_after: Duration,
    /// How much memory timelines may take.
    pub timeline_memory_bytes: usize,
    /// Whether rate limits and quotas hold.
    pub limits_enabled: bool,
}

impl RawConfig {
    pub(super) fn validate(self) -> Result<Config, ConfigError> {
        match self.mode.as_str() {
            "embedded" => {}
            "cluster" => return fail("mode: \"cluster\" is not in this version; use \"embedded\""),
            other => return fail(format!("mode: expected \"embedded\" or \"cluster\", found {other:?}")),
        }
        if self.hot.url != "memory:" {
            return fail(format!("hot.url: expected \"memory:\", found {:?}", self.hot.url));
        }
        if self.node.number > MAX_NODE_NUMBER {
            return fail(format!("node.number: must be at most {MAX_NODE_NUMBER}"));
        }
        let log_json = match self.log.format.as_str() {
            "text" => false,
            "json" => true,
            other => return fail(format!("log.format: expected \"text\" or \"json\", found {other:?}")),
        };
        for (key, value) in [
            ("http.request_timeout_ms", self.http.request_timeout_ms),
            ("http.max_concurrent_requests", self.http.max_concurrent_requests as u64),
            ("hot.memory_bytes", self.hot.memory_bytes),
            ("feed.celebrity_threshold", self.feed.celebrity_threshold),
            ("uploads.max_bytes", self.uploads.max_bytes),
            ("uploads.max_queued_jobs", self.uploads.max_queued_jobs),
            ("media.max_megapixels", self.media.max_megapixels),
            ("timelines.memory_bytes", self.timelines.memory_bytes as u64),
        ] {
            if value == 0 {
                return fail(format!("{key}: must be at least 1"));
            }
        }
        let workers = match self.media.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers.min(256),
        };
        Ok(Config {
            ledger: ledger_url(&self.ledger.url, &self.data_dir)?,
            s3: s3_endpoint(&self.objects)?,
            feed_ratios: feed_ratios(&self.feed.ratios)?,
            http_listen: address("http.listen", &self.http.listen)?,
            admin_listen: address("admin.listen", &self.admin.listen)?,
            objects_listen: address("objects.listen", &self.objects.listen)?,
            http_public_url: public_url("http.public_url", self.http.public_url)?,
            objects_public_url: public_url("objects.public_url", self.objects.public_url)?,
            data_dir: self.data_dir,
            chaos: self.chaos,
            node_name: self.node.name,
            node_number: self.node.number,
            trust_forwarded: self.http.trust_forwarded,
            request_timeout: Duration::from_millis(self.http.request_timeout_ms),
            max_concurrent_requests: self.http.max_concurrent_requests,
            drain_timeout: Duration::from_millis(self.http.drain_timeout_ms),
            admin_token: Some(self.admin.token).filter(|token| !token.is_empty()),
            log_json,
            log_level: self.log.level,
            group_commit: self.ledger.group_commit,
            hot_memory_bytes: self.hot.memory_bytes,
            bucket: self.objects.bucket,
            region: self.objects.region,
            celebrity_rule: CelebrityRule { threshold: self.feed.celebrity_threshold },
            upload_max_bytes: self.uploads.max_bytes,
            daily_upload_quota: self.limits.enabled.then_some(self.uploads.daily_quota),
            max_queued_jobs: self.uploads.max_queued_jobs,
            media_workers: workers,
            max_pixels: self.media.max_megapixels.saturating_mul(1_000_000),
            timeline_idle_after: Duration::from_secs(self.timelines.idle_after_s),
            timeline_memory_bytes: self.timelines.memory_bytes,
            limits_enabled: self.limits.enabled,
        })
    }
}

fn fail<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(message.into()))
}

fn address(key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError(format!("{key}: expected address:port, as in 127.0.0.1:8080, found {text:?}")))
}

fn public_url(key: &str, text: String) -> Result<Option<String>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    if !(text.starts_with("http://") || text.starts_with("https://")) || text.ends_with('/') {
        return fail(format!("{key}: expected http://… or https://… without a slash at the end, found {text:?}"));
    }
    Ok(Some(text))
}

fn ledger_url(url: &str, data_dir: &std::path::Path) -> Result<LedgerUrl, ConfigError> {
    match url.split_once(':') {
        None if url.is_empty() => Ok(LedgerUrl::Sqlite(data_dir.join("ledger.sqlite"))),
        Some(("sqlite", path)) => {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() { fail("ledger.url: sqlite: needs a path") } else { Ok(LedgerUrl::Sqlite(path.into())) }
        }
        Some(("postgres" | "postgresql", _)) => {
            fail("ledger.url: Postgres belongs to the cluster mode, which is not in this version")
        }
        _ => fail(format!("ledger.url: expected sqlite:PATH, found {url:?}")),
    }
}

fn s3_endpoint(objects: &RawObjects) -> Result<Option<S3Endpoint>, ConfigError> {
    if objects.bucket.is_empty() {
        return fail("objects.bucket: must not be empty");
    }
    if objects.endpoint.is_empty() {
        return Ok(None);
    }
    if objects.access_key.is_empty() || objects.secret_key.is_empty() {
        return fail("objects.endpoint: an S3 endpoint needs objects.access_key and objects.secret_key");
    }
    Ok(Some(S3Endpoint {
        url: objects.endpoint.clone(),
        access_key: objects.access_key.clone(),
        secret_key: objects.secret_key.clone(),
    }))
}

fn feed_ratios(ratios: &[f64]) -> Result<FeedRatios, ConfigError> {
    let [social, recommended, ads] = ratios else {
        return fail("feed.ratios: expected three numbers: followed, recommended, ads");
    };
    let ratios = FeedRatios { social: *social, recommended: *recommended, ads: *ads };
    ratios.normalised().map_err(|error| ConfigError(error.to_string()))
}
