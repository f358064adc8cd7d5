//! Where Redis is, and how long to wait for it.

use super::address::Address;
use std::{fmt, path::PathBuf, time::Duration};

/// Everything the Redis adapter needs to know. Secrets are left out of `Debug`.
#[derive(Clone)]
pub struct RedisOptions {
    /// One of
    /// - `redis://[user][:password@]host[:port][/database]`, one server;
    /// - `redis+sentinel://[user][:password@]host[:port],…/master-name[/database]`, the sentinels of a master;
    /// - `redis+cluster://[user][:password@]host[:port],…`, some nodes of a cluster;
    ///
    /// with `rediss` in place of `redis` for TLS. User and password are percent-encoded.
    pub url: String,
    /// A PEM file with the authorities that may sign the servers' certificates; `None`: the public ones.
    pub ca_file: Option<PathBuf>,
    /// The sentinels' own password, where they want one.
    pub sentinel_password: Option<String>,
    /// What every key begins with, so that others can use the same Redis.
    pub key_prefix: String,
    /// Connections per node; requests share them.
    pub connections: usize,
    /// Calls under way at once, at most; further ones fail at once.
    pub max_in_flight: usize,
    /// Time to connect, TLS included. Requests never wait for a connection.
    pub connect_timeout: Duration,
    /// Time for one round trip; a slower one counts as failed, and its connection is replaced.
    pub response_timeout: Duration,
}

impl RedisOptions {
    /// Two connections, 4,096 calls at once, 500 ms to connect, 100 ms a round trip.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            sentinel_password: None,
            key_prefix: "tessera".to_owned(),
            connections: 2,
            max_in_flight: 4_096,
            connect_timeout: Duration::from_millis(500),
            response_timeout: Duration::from_millis(100),
        }
    }

    /// What is wrong with the options, for the operator; nothing is connected to.
    ///
    /// # Errors
    /// A sentence that names the problem and no secret.
    pub fn validate(&self) -> Result<(), String> {
        Address::parse(&self.url)?;
        if self.connections == 0 || self.max_in_flight == 0 {
            return Err("Redis needs at least one connection and one call at a time".to_owned());
        }
        if self.connect_timeout.is_zero() || self.response_timeout.is_zero() {
            return Err("time-outs of Redis must be above zero".to_owned());
        }
        if self.key_prefix.is_empty() || !self.key_prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("the prefix of Redis keys must be ASCII letters and digits".to_owned());
        }
        Ok(())
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Address::parse(&self.url).map_or_else(|problem| problem, |address| address.to_string());
        formatter
            .debug_struct("RedisOptions")
            .field("url", &address)
            .field("ca_file", &self.ca_file)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
