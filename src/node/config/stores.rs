//! Where everything is kept: ledger, hot store, objects, and the CDN in front of them.

use super::{
    ConfigError,
    check::{address, at_least_one, fail, public_url},
    mode::Mode,
    secret::{Secret, ServerUrl},
};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLedger {
    url: String,
    group_commit: bool,
    max_connections: u32,
    statement_timeout_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHot {
    url: String,
    memory_bytes: u64,
    ca: PathBuf,
    sentinel_password: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawObjects {
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
pub(super) struct RawCdn {
    purge_url: String,
}

#[derive(Debug, Clone)]
pub enum LedgerConfig {
    /// A SQLite file of this node's own.
    Sqlite {
        path: PathBuf,
        /// Whether what has queued up is committed together.
        group_commit: bool,
    },
    /// A Postgres database that all nodes share.
    Postgres {
        /// How it is reached.
        url: ServerUrl,
        /// Most connections of this node.
        max_connections: u32,
        /// The longest a statement may take.
        statement_timeout: Duration,
    },
}

#[derive(Debug, Clone)]
pub enum HotConfig {
    Memory {
        /// The most it may hold.
        bytes: u64,
    },
    /// A Redis that all nodes share.
    Redis {
        /// How it is reached.
        url: ServerUrl,
        /// The authority that signed its certificate; `None`: the well-known ones.
        ca: Option<PathBuf>,
        /// The Sentinels' own password.
        sentinel_password: Option<Secret>,
    },
}

/// An S3 endpoint outside this process.
#[derive(Debug, Clone)]
pub struct S3Endpoint {
    pub url: String,
    pub access_key: String,
    pub secret_key: Secret,
}

#[derive(Debug, Clone)]
pub struct ObjectsConfig {
    /// An endpoint outside this process; `None`: the server inside.
    pub endpoint: Option<S3Endpoint>,
    /// Where the server inside this process listens.
    pub listen: SocketAddr,
    /// How clients reach the endpoint; `None`: as this node does.
    pub public_url: Option<String>,
    pub bucket: String,
    pub region: String,
}

impl RawLedger {
    pub(super) fn validate(self, mode: Mode, data_dir: &Path) -> Result<LedgerConfig, ConfigError> {
        at_least_one(&[
            ("ledger.max_connections", self.max_connections.into()),
            ("ledger.statement_timeout_ms", self.statement_timeout_ms),
        ])?;
        let shown = ServerUrl::new(&self.url);
        let sqlite = |path: PathBuf| LedgerConfig::Sqlite { path, group_commit: self.group_commit };
        match (mode, self.url.split_once(':')) {
            (Mode::Embedded, None) if self.url.is_empty() => Ok(sqlite(data_dir.join("ledger.sqlite"))),
            (Mode::Embedded, Some(("sqlite", path))) => match path.strip_prefix("//").unwrap_or(path) {
                "" => fail("ledger.url: sqlite: needs a path"),
                path => Ok(sqlite(path.into())),
            },
            (Mode::Embedded, Some(("postgres" | "postgresql", _))) => {
                fail("ledger.url: Postgres belongs to mode = \"cluster\"; a cluster may have one node")
            }
            (Mode::Embedded, _) => fail(format!("ledger.url: expected sqlite:PATH, found {:?}", shown.to_string())),
            (Mode::Cluster, Some(("postgres" | "postgresql", rest))) if rest.starts_with("//") => {
                Ok(LedgerConfig::Postgres {
                    url: shown,
                    max_connections: self.max_connections,
                    statement_timeout: Duration::from_millis(self.statement_timeout_ms),
                })
            }
            (Mode::Cluster, _) => fail(format!(
                "ledger.url: a cluster's nodes share a Postgres; set it to postgres://USER@HOST/DATABASE \
                 (found {:?})",
                shown.to_string()
            )),
        }
    }
}

impl RawHot {
    pub(super) fn validate(self, mode: Mode) -> Result<HotConfig, ConfigError> {
        at_least_one(&[("hot.memory_bytes", self.memory_bytes)])?;
        let scheme = self.url.split_once("://").map_or("", |(scheme, _)| scheme);
        let url = ServerUrl::new(&self.url);
        match mode {
            Mode::Embedded if self.url == "memory:" => Ok(HotConfig::Memory { bytes: self.memory_bytes }),
            Mode::Embedded => fail(format!("hot.url: an embedded node's is \"memory:\", found {:?}", url.to_string())),
            Mode::Cluster if REDIS_SCHEMES.contains(&scheme) => {
                let ca = Some(self.ca).filter(|path| !path.as_os_str().is_empty());
                let sentinel_password = Some(self.sentinel_password).filter(|word| !word.is_empty()).map(Secret::new);
                Ok(HotConfig::Redis { url, ca, sentinel_password })
            }
            Mode::Cluster => fail(format!(
                "hot.url: a cluster's nodes share a Redis; set it to redis://HOST:PORT or one of {} (found {:?})",
                REDIS_SCHEMES.map(|scheme| format!("{scheme}://")).join(", "),
                url.to_string()
            )),
        }
    }
}

/// One server, a Redis Cluster, or a group watched by Sentinels; with an `s` by TLS.
const REDIS_SCHEMES: [&str; 6] =
    ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"];

impl RawObjects {
    pub(super) fn validate(self, mode: Mode) -> Result<ObjectsConfig, ConfigError> {
        if self.bucket.is_empty() {
            return fail("objects.bucket: must not be empty");
        }
        let endpoint = match (self.endpoint.is_empty(), mode) {
            (true, Mode::Embedded) => None,
            (true, Mode::Cluster) => {
                return fail(
                    "objects.endpoint: a cluster's nodes share an S3 endpoint; set it, as in https://s3.example.com \
                     (`tessera s3` starts a small one for development)",
                );
            }
            (false, _) if self.access_key.is_empty() || self.secret_key.is_empty() => {
                return fail(
                    "objects.endpoint: an S3 endpoint needs objects.access_key and objects.secret_key \
                     (TESSERA__OBJECTS__ACCESS_KEY, TESSERA__OBJECTS__SECRET_KEY)",
                );
            }
            (false, _) => Some(S3Endpoint {
                url: self.endpoint,
                access_key: self.access_key,
                secret_key: Secret::new(self.secret_key),
            }),
        };
        Ok(ObjectsConfig {
            endpoint,
            listen: address("objects.listen", &self.listen)?,
            public_url: public_url("objects.public_url", self.public_url)?,
            bucket: self.bucket,
            region: self.region,
        })
    }
}

impl RawCdn {
    pub(super) fn validate(self) -> Option<String> {
        Some(self.purge_url).filter(|url| !url.is_empty())
    }
}
