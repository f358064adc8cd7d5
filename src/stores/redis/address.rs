//! `hot.url`, understood.

use redis::{ConnectionAddr, IntoConnectionInfo};
use std::fmt;

/// How the servers stand together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Topology {
    Single,
    /// A master that sentinels watch over.
    Sentinel {
        /// What the sentinels call it.
        master_name: String,
    },
    /// A cluster of masters that share the key space.
    Cluster,
}

/// Servers and how to log in. `Display` leaves the credentials out.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) topology: Topology,
    pub(super) tls: bool,
    /// `user:password@` as it stands in the URL, or empty.
    user_info: String,
    /// `host[:port]` of servers, sentinels or some nodes of a cluster.
    pub(super) hosts: Vec<String>,
    database: String,
}

impl Address {
    /// Reads a URL as [`super::RedisOptions::url`] describes it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let wrong = |problem: &str| format!("the Redis URL {problem}");
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("has no scheme such as redis://"))?;
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(wrong("must begin with redis or rediss")),
        };
        if rest.contains(['?', '#']) {
            return Err(wrong("must have no query and no fragment"));
        }
        let (user_info, rest) = match rest.rfind('@') {
            Some(at) => rest.split_at(at + 1),
            None => ("", rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (topology, database) = match kind {
            "" => (Topology::Single, path),
            "sentinel" => {
                let (master_name, database) = path.split_once('/').unwrap_or((path, ""));
                if master_name.is_empty() {
                    return Err(wrong("of sentinels must end with /master-name"));
                }
                (Topology::Sentinel { master_name: master_name.to_owned() }, database)
            }
            "cluster" if path.is_empty() => (Topology::Cluster, ""),
            "cluster" => return Err(wrong("of a cluster must have no path: clusters have one database")),
            _ => return Err(wrong("must begin with redis, redis+sentinel or redis+cluster, or rediss for TLS")),
        };
        let address = Self {
            tls,
            user_info: user_info.to_owned(),
            hosts: hosts.split(',').map(str::to_owned).collect(),
            database: database.to_owned(),
            topology,
        };
        if address.topology == Topology::Single && address.hosts.len() > 1 {
            return Err(wrong("names several hosts: write redis+sentinel:// or redis+cluster://"));
        }
        for host in &address.hosts {
            let parsed = address.url_of(host).into_connection_info();
            let valid = parsed.is_ok_and(|info| match info.addr() {
                ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => !host.is_empty(),
                _ => false,
            });
            if !valid {
                return Err(wrong(&format!("names {host:?}, which is no host:port, or its path is no database")));
            }
        }
        Ok(address)
    }

    /// The URL of one server, credentials included: never to be logged.
    pub(super) fn url_of(&self, host: &str) -> String {
        format!("{}://{}{host}/{}", self.scheme(), self.user_info, self.database)
    }

    /// The URL of one sentinel. Sentinels have no databases, and users of their own.
    pub(super) fn sentinel_url_of(&self, host: &str) -> String {
        format!("{}://{host}", self.scheme())
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "rediss" } else { "redis" }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts.join(",");
        match &self.topology {
            Topology::Single => write!(formatter, "{}://{hosts}", self.scheme()),
            Topology::Sentinel { master_name } => {
                write!(formatter, "{}+sentinel://{hosts}/{master_name}", self.scheme())
            }
            Topology::Cluster => write!(formatter, "{}+cluster://{hosts}", self.scheme()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topology_is_understood() {
        let check = |url: &str, shown: &str, servers: &[&str]| {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.to_string(), shown, "no secret is shown");
            let urls: Vec<String> = address.hosts.iter().map(|host| address.url_of(host)).collect();
            assert_eq!(urls, servers, "{url}");
            address
        };
        check("redis://127.0.0.1:7000", "redis://127.0.0.1:7000", &["redis://127.0.0.1:7000/"]);
        check("rediss://me:p%40ss@cache/2", "rediss://cache", &["rediss://me:p%40ss@cache/2"]);
        check("redis://[::1]:7000/1", "redis://[::1]:7000", &["redis://[::1]:7000/1"]);
        let sentinel = check(
            "redis+sentinel://:secret@a:1,b:2/main/3",
            "redis+sentinel://a:1,b:2/main",
            &["redis://:secret@a:1/3", "redis://:secret@b:2/3"],
        );
        assert_eq!(sentinel.topology, Topology::Sentinel { master_name: "main".to_owned() });
        assert_eq!(sentinel.sentinel_url_of("a:1"), "redis://a:1");
        let cluster = check("rediss+cluster://a,b:2", "rediss+cluster://a,b:2", &["rediss://a/", "rediss://b:2/"]);
        assert_eq!((cluster.topology, cluster.tls), (Topology::Cluster, true));
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for (url, words) in [
            ("127.0.0.1:6379", "no scheme"),
            ("http://:hunter2@a", "must begin with redis"),
            ("redis+replica://:hunter2@a", "redis+sentinel"),
            ("redis://:hunter2@a,b", "several hosts"),
            ("redis+sentinel://:hunter2@a", "/master-name"),
            ("redis+cluster://:hunter2@a/1", "one database"),
            ("redis://:hunter2@a:port", "no host:port"),
            ("redis://:hunter2@", "no host:port"),
            ("redis://:hunter2@a/zero", "no database"),
            ("rediss://:hunter2@a/#insecure", "no fragment"),
        ] {
            let problem = Address::parse(url).err().expect(url);
            assert!(problem.contains(words), "{url}: {problem}");
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
