//! The link to the other nodes.

use super::{
    ConfigError,
    check::{address, fail},
    secret::Secret,
};
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf};

/// A shorter secret could be guessed.
const MIN_SECRET_BYTES: usize = 16;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    listen: String,
    advertise: String,
    seeds: Vec<String>,
    secret: String,
    wire_newest: u16,
    tls: RawTls,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    cert: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

/// How this node meets the others.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// Where it listens for them.
    pub listen: SocketAddr,
    /// Where they reach it; `None`: where it listens. Port 0 stands for the port that it listens on.
    pub advertise: Option<SocketAddr>,
    /// What all nodes know and nobody else.
    pub secret: Secret,
    /// This node's certificate, PEM.
    pub certificate: PathBuf,
    /// The key to it, PEM.
    pub key: PathBuf,
    /// The authority that signs the certificates of the cluster's nodes and of nobody else, PEM.
    pub authority: PathBuf,
    /// The newest wire version to speak; `None`: the newest that this program knows.
    pub wire_newest: Option<u16>,
    /// Whether seeds were given, which nobody needs.
    pub has_seeds: bool,
}

impl ClusterConfig {
    /// Where the others reach this node, given the address that it got.
    pub fn advertised(&self, bound: SocketAddr) -> SocketAddr {
        match self.advertise {
            Some(address) if address.port() == 0 => SocketAddr::new(address.ip(), bound.port()),
            Some(address) => address,
            None => bound,
        }
    }
}

impl RawCluster {
    pub(super) fn validate(self) -> Result<ClusterConfig, ConfigError> {
        let listen = address("cluster.listen", &self.listen)?;
        let advertise = match self.advertise.as_str() {
            "" => None,
            text => Some(address("cluster.advertise", text)?),
        };
        if advertise.unwrap_or(listen).ip().is_unspecified() {
            return fail(format!(
                "cluster.advertise: the other nodes cannot reach {}; set it to this machine's address, as in \
                 10.0.0.1:{}",
                advertise.unwrap_or(listen),
                listen.port()
            ));
        }
        match self.secret.len() {
            0 => {
                return fail(
                    "cluster.secret: all nodes of a cluster share a secret; set it in the environment \
                     (TESSERA__CLUSTER__SECRET) or in the file, for instance to the output of `openssl rand -hex 32`",
                );
            }
            bytes if bytes < MIN_SECRET_BYTES => {
                return fail(format!("cluster.secret: must have at least {MIN_SECRET_BYTES} bytes, has {bytes}"));
            }
            _ => {}
        }
        for (key, path) in [("cert", &self.tls.cert), ("key", &self.tls.key), ("ca", &self.tls.ca)] {
            if path.as_os_str().is_empty() {
                return fail(format!(
                    "cluster.tls.{key}: nodes talk over TLS and show each other certificates; name a PEM file \
                     (docs/operations.md says how to make them)"
                ));
            }
        }
        Ok(ClusterConfig {
            listen,
            advertise,
            secret: Secret::new(self.secret),
            certificate: self.tls.cert,
            key: self.tls.key,
            authority: self.tls.ca,
            wire_newest: Some(self.wire_newest).filter(|version| *version > 0),
            has_seeds: !self.seeds.is_empty(),
        })
    }
}
