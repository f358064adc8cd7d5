//! Making a connection: to the server, to the master that the sentinels name, or to a node of a cluster.

use super::{
    address::{Address, Topology},
    options::RedisOptions,
};
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates, Value,
    aio::MultiplexedConnection, cmd,
};
use std::{sync::Arc, time::Duration};

/// What a run is called where a server does not tell.
const UNKNOWN_RUN: &str = "0";
/// Characters of a server's run id that tell runs apart.
const RUN_ID_CHARS: usize = 10;

/// A share of a cluster's key space and the `host:port` of the master that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotRange {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) host: String,
}

/// Makes connections, as often as needed.
pub(super) struct Dialer {
    pub(super) address: Address,
    certificates: Option<TlsCertificates>,
    config: AsyncConnectionConfig,
    /// A sentinel is asked on a connection of its own.
    sentinel_password: Option<String>,
    timeout: Duration,
}

impl Dialer {
    /// Reads what the options point to; connects to nothing.
    pub(super) fn new(options: &RedisOptions) -> Result<Self, String> {
        options.validate()?;
        let address = Address::parse(&options.url)?;
        let certificates = match &options.ca_file {
            Some(_) if !address.tls => return Err("a CA file is given, but the Redis URL is without TLS".to_owned()),
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                Some(TlsCertificates { client_tls: None, root_cert: Some(pem) })
            }
            None => None,
        };
        if address.tls {
            // Several providers may be compiled in. Whichever was installed first stays.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.response_timeout))
            .set_pipeline_buffer_size(options.max_in_flight);
        let sentinel_password = options.sentinel_password.clone();
        let dialer = Self { address, certificates, config, sentinel_password, timeout: options.connect_timeout };
        for host in &dialer.address.hosts {
            let client = dialer.client(&dialer.address.url_of(host));
            client.map_err(|error| format!("the Redis URL or its CA file: {error}"))?;
        }
        Ok(dialer)
    }

    /// A new connection to a master that has answered, and the run of the server that it leads to. `host` is a
    /// node of a cluster; elsewhere there is one master, wherever it is now.
    pub(super) async fn dial(&self, host: &str) -> RedisResult<(MultiplexedConnection, Arc<str>)> {
        let mut connection = match &self.address.topology {
            Topology::Sentinel { master_name } => self.connect(&self.master_url(master_name).await?).await?,
            Topology::Single | Topology::Cluster => self.connect(&self.address.url_of(host)).await?,
        };
        let info: String = cmd("INFO").arg("server").query_async(&mut connection).await?;
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).and_then(|id| id.get(..RUN_ID_CHARS));
        let role: Value = cmd("ROLE").query_async(&mut connection).await?;
        match role {
            Value::Array(parts) if parts.first() == Some(&Value::BulkString(b"master".to_vec())) => {
                Ok((connection, run.unwrap_or(UNKNOWN_RUN).into()))
            }
            _ => Err(RedisError::from((ErrorKind::Client, "the server is no master"))),
        }
    }

    /// Asks one node of a cluster who owns what.
    pub(super) async fn slots(&self, host: &str) -> RedisResult<Vec<SlotRange>> {
        let mut connection = self.connect(&self.address.url_of(host)).await?;
        let answer: Vec<Value> = cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
        // A node that does not know its own address leaves it out: it is the one that was asked.
        let asked = host.rsplit_once(':').map_or(host, |(name, _)| name);
        Ok(answer.into_iter().filter_map(|range| slot_range(range, asked)).collect())
    }

    /// The first sentinel that knows the master says where it is.
    async fn master_url(&self, master_name: &str) -> RedisResult<String> {
        let mut failure = RedisError::from((ErrorKind::EmptySentinelList, "no sentinel is named"));
        for host in &self.address.hosts {
            match tokio::time::timeout(self.timeout, self.ask_sentinel(host, master_name)).await {
                Ok(Ok((ip, port))) => return Ok(self.address.url_of(&host_and_port(&ip, port))),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = RedisError::from((ErrorKind::Io, "a sentinel does not answer")),
            }
        }
        Err(failure)
    }

    async fn ask_sentinel(&self, host: &str, master_name: &str) -> RedisResult<(String, u16)> {
        let mut info = self.client(&self.address.sentinel_url_of(host))?.get_connection_info().clone();
        if let Some(password) = &self.sentinel_password {
            let login = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(login);
        }
        let mut sentinel = Client::open(info)?.get_multiplexed_async_connection_with_config(&self.config).await?;
        let mut question = cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(master_name);
        let answer: Option<(String, u16)> = question.query_async(&mut sentinel).await?;
        answer.ok_or_else(|| (ErrorKind::MasterNameNotFoundBySentinel, "the sentinels know no such master").into())
    }

    async fn connect(&self, url: &str) -> RedisResult<MultiplexedConnection> {
        self.client(url)?.get_multiplexed_async_connection_with_config(&self.config).await
    }

    fn client(&self, url: &str) -> RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(url, certificates.clone()),
            None => Client::open(url.into_connection_info()?),
        }
    }
}

/// One entry of `CLUSTER SLOTS`: first, last, the master's host, port and more, then replicas.
fn slot_range(range: Value, asked: &str) -> Option<SlotRange> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &parts[..] else { return None };
    let [host, Value::Int(port), ..] = &master[..] else { return None };
    let host = match host {
        Value::BulkString(bytes) if !bytes.is_empty() => std::str::from_utf8(bytes).ok()?,
        _ => asked,
    };
    let host = host_and_port(host, u16::try_from(*port).ok()?);
    Some(SlotRange { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, host })
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_ranges_are_understood() {
        let node = |host: Value, port| Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        let entry = |node| Value::Array(vec![Value::Int(0), Value::Int(99), node]);
        let range = |host: &str| Some(SlotRange { first: 0, last: 99, host: host.to_owned() });
        let named = |host: &[u8]| Value::BulkString(host.to_vec());
        assert_eq!(slot_range(entry(node(named(b"10.0.0.1"), 7000)), "a"), range("10.0.0.1:7000"));
        assert_eq!(slot_range(entry(node(named(b"::1"), 7000)), "a"), range("[::1]:7000"));
        assert_eq!(slot_range(entry(node(named(b""), 7000)), "a"), range("a:7000"), "the node that was asked");
        assert_eq!(slot_range(entry(node(Value::Nil, 7000)), "[::1]"), range("[::1]:7000"));
        for nonsense in [Value::Nil, entry(Value::Nil), entry(node(named(b"a"), 70_000)), Value::Array(vec![])] {
            assert_eq!(slot_range(nonsense, "a"), None);
        }
    }
}
