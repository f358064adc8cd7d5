//! The raw shape of the configuration, and the validated one that the node is composed from. What belongs to the
//! listeners, the stores and the cluster stands in their own files.

use super::{
    ConfigError,
    check::{at_least_one, fail, one_put, share},
    cluster::{ClusterConfig, RawCluster},
    edge::{AdminConfig, HttpConfig, RawAdmin, RawHttp},
    mode::Mode,
    stores::{HotConfig, LedgerConfig, ObjectsConfig, RawCdn, RawHot, RawLedger, RawObjects},
};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};
use tessera_actors::{breaker::BreakerPolicy, visual_search::Engine};
use tessera_domain::{celebrity::CelebrityRule, ids::MAX_NODE_NUMBER, stitch::FeedRatios};

/// Longest name of a node.
const MAX_NAME_BYTES: usize = 64;

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
    cluster: RawCluster,
    ledger: RawLedger,
    hot: RawHot,
    objects: RawObjects,
    cdn: RawCdn,
    breaker: RawBreaker,
    feed: RawFeed,
    uploads: RawUploads,
    media: RawMedia,
    visual: RawVisual,
    ranking: RawRanking,
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
struct RawLog {
    format: String,
    level: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBreaker {
    failure_rate: f64,
    open_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeed {
    ratios: Vec<f64>,
    order: String,
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
    max_video_bytes: u64,
    max_video_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVisual {
    model: String,
    engine: String,
    shards: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRanking {
    model: String,
    log_share: f64,
    log_bytes: u64,
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

/// The model that makes embeddings of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VisualModel {
    /// None: nothing is embedded.
    None,
    /// The one that ships with the source.
    BuiltIn,
    File(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Config {
    /// Where a node keeps what is its own: embedded everything, in a cluster a generated admin token.
    pub data_dir: PathBuf,
    /// Whether actors may be killed on request.
    pub chaos: bool,
    pub node_name: String,
    /// The node's number, part of every id; in a cluster membership gives it.
    pub node_number: u16,
    pub http: HttpConfig,
    pub admin: AdminConfig,
    pub log_json: bool,
    pub log_level: String,
    /// The other nodes; `None`: there are none.
    pub cluster: Option<ClusterConfig>,
    pub ledger: LedgerConfig,
    pub hot: HotConfig,
    pub objects: ObjectsConfig,
    /// Where the CDN takes purges; `None`: there is none.
    pub cdn_purge_url: Option<String>,
    /// When circuit breakers open, and for how long.
    pub breakers: BreakerPolicy,
    /// The mix of a feed, normalised.
    pub feed_ratios: FeedRatios,
    /// Whether the ranking model orders followed posts.
    pub ranks_followed: bool,
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
    /// Largest video in bytes.
    pub max_video_bytes: u64,
    pub max_video_duration: Duration,
    pub visual_model: VisualModel,
    /// What makes and walks the graphs of the visual index.
    pub visual_engine: Engine,
    /// Shards of the visual index; one where the node is alone.
    pub visual_shards: u16,
    /// The ranking model's file; `None`: the one that ships with the source.
    pub ranking_model: Option<PathBuf>,
    /// The share of people, 0 to 1, whose impressions are kept.
    pub ranking_log_share: f64,
    /// How much of them is kept, in bytes.
    pub ranking_log_bytes: u64,
    /// When unused timelines leave memory.
    pub timeline_idle_after: Duration,
    /// How much memory timelines may take.
    pub timeline_memory_bytes: usize,
    /// Whether rate limits and quotas hold.
    pub limits_enabled: bool,
}

impl RawConfig {
    pub(super) fn validate(self) -> Result<Config, ConfigError> {
        let mode = match self.mode.as_str() {
            "embedded" => Mode::Embedded,
            "cluster" => Mode::Cluster,
            other => return fail(format!("mode: expected \"embedded\" or \"cluster\", found {other:?}")),
        };
        if self.data_dir.as_os_str().is_empty() {
            return fail("data_dir: must name a folder");
        }
        at_least_one(&[
            ("feed.celebrity_threshold", self.feed.celebrity_threshold),
            ("uploads.max_bytes", self.uploads.max_bytes),
            ("uploads.max_queued_jobs", self.uploads.max_queued_jobs),
            ("media.max_megapixels", self.media.max_megapixels),
            ("media.max_video_bytes", self.media.max_video_bytes),
            ("media.max_video_seconds", self.media.max_video_seconds),
            ("visual.shards", u64::from(self.visual.shards)),
            ("ranking.log_bytes", self.ranking.log_bytes),
            ("timelines.memory_bytes", self.timelines.memory_bytes as u64),
        ])?;
        let sizes =
            [("uploads.max_bytes", self.uploads.max_bytes), ("media.max_video_bytes", self.media.max_video_bytes)];
        one_put(&sizes)?;
        let workers = match self.media.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers.min(256),
        };
        let (node_name, node_number) = self.node.validate()?;
        Ok(Config {
            node_name,
            node_number,
            http: self.http.validate(mode)?,
            admin: self.admin.validate()?,
            log_json: log_json(&self.log.format)?,
            ledger: self.ledger.validate(mode, &self.data_dir)?,
            hot: self.hot.validate(mode)?,
            objects: self.objects.validate(mode)?,
            cluster: match mode {
                Mode::Embedded => None,
                Mode::Cluster => Some(self.cluster.validate()?),
            },
            cdn_purge_url: self.cdn.validate(),
            breakers: self.breaker.validate()?,
            feed_ratios: feed_ratios(&self.feed.ratios)?,
            ranks_followed: match self.feed.order.as_str() {
                "newest" => false,
                "ranked" => true,
                other => return fail(format!("feed.order: expected \"newest\" or \"ranked\", found {other:?}")),
            },
            data_dir: self.data_dir,
            chaos: self.chaos,
            log_level: log_level(self.log.level)?,
            celebrity_rule: CelebrityRule { threshold: self.feed.celebrity_threshold },
            upload_max_bytes: self.uploads.max_bytes,
            daily_upload_quota: self.limits.enabled.then_some(self.uploads.daily_quota),
            max_queued_jobs: self.uploads.max_queued_jobs,
            media_workers: workers,
            max_pixels: self.media.max_megapixels.saturating_mul(1_000_000),
            max_video_bytes: self.media.max_video_bytes,
            max_video_duration: Duration::from_secs(self.media.max_video_seconds),
            visual_model: match self.visual.model.as_str() {
                "" => VisualModel::BuiltIn,
                "none" => VisualModel::None,
                path => VisualModel::File(path.into()),
            },
            visual_engine: index_engine(&self.visual.engine)?,
            visual_shards: match mode {
                Mode::Embedded => 1,
                Mode::Cluster => self.visual.shards,
            },
            ranking_model: Some(self.ranking.model).filter(|path| !path.is_empty()).map(PathBuf::from),
            ranking_log_share: share("ranking.log_share", self.ranking.log_share)?,
            ranking_log_bytes: self.ranking.log_bytes,
            timeline_idle_after: Duration::from_secs(self.timelines.idle_after_s),
            timeline_memory_bytes: self.timelines.memory_bytes,
            limits_enabled: self.limits.enabled,
        })
    }
}

impl RawNode {
    fn validate(self) -> Result<(String, u16), ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || !self.name.bytes().all(plain) {
            return fail(format!(
                "node.name: expected 1 to {MAX_NAME_BYTES} letters, digits, dots, dashes or underscores, found {:?}",
                self.name
            ));
        }
        if self.number > MAX_NODE_NUMBER {
            return fail(format!("node.number: must be at most {MAX_NODE_NUMBER}"));
        }
        Ok((self.name, self.number))
    }
}

impl RawBreaker {
    fn validate(self) -> Result<BreakerPolicy, ConfigError> {
        at_least_one(&[("breaker.open_seconds", self.open_seconds)])?;
        if !(self.failure_rate > 0.0 && self.failure_rate <= 1.0) {
            return fail(format!("breaker.failure_rate: must be above 0 and at most 1, found {}", self.failure_rate));
        }
        Ok(BreakerPolicy { failure_rate: self.failure_rate, open: Duration::from_secs(self.open_seconds) })
    }
}

/// A level, or directives with one. Anything else would be taken for a module's name, and silence all others.
fn log_level(text: String) -> Result<String, ConfigError> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_known = |directive: &str| directive.contains('=') || LEVELS.contains(&directive.to_lowercase().as_str());
    match text.split(',').all(|directive| is_known(directive.trim())) {
        true => Ok(text),
        false => fail(format!(
            "log.level: expected one of {}, or directives as in info,sqlx=warn, found {text:?}",
            LEVELS.join(", ")
        )),
    }
}

fn log_json(format: &str) -> Result<bool, ConfigError> {
    match format {
        "text" => Ok(false),
        "json" => Ok(true),
        other => fail(format!("log.format: expected \"text\" or \"json\", found {other:?}")),
    }
}

fn feed_ratios(ratios: &[f64]) -> Result<FeedRatios, ConfigError> {
    let [social, recommended, ads] = ratios else {
        return fail("feed.ratios: expected three numbers: followed, recommended, ads");
    };
    let ratios = FeedRatios { social: *social, recommended: *recommended, ads: *ads };
    ratios.normalised().map_err(|error| ConfigError(error.to_string()))
}

fn index_engine(name: &str) -> Result<Engine, ConfigError> {
    match name {
        "graph" => Ok(Engine::Graph),
        "instant-distance" => Ok(Engine::InstantDistance),
        other => fail(format!("visual.engine: expected \"graph\" or \"instant-distance\", found {other:?}")),
    }
}
