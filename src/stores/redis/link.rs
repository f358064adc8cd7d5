//! Everything that calls share, and the keeper that keeps it working.
//!
//! ```text
//!            a call fails in a way that tells of a broken connection or a server that hangs
//!      ┌───────────────────────────────────────────────────────────────────────────────────┐
//!    open ── calls share the connection                        closed ── calls fail at once ◄┘
//!      ▲                                                                      │
//!      └── a new connection has answered ◄── the keeper dials, after 100 ms, 200 ms … 1 s ◄─┘
//! ```
//!
//! Calls never dial and never wait for a connection, so a Redis that is down costs a request nothing, and one
//! that hangs costs the first requests one response time-out. Each connection has a gate of its own.
//!
//! In a cluster the keeper also reads who owns which slots: at the start, when a node says that a slot has moved,
//! and while a node is away. A call whose slot has just moved fails; its caller has the ledger.

use super::{
    address::Topology,
    dial::Dialer,
    node::{Live, Map, Node},
    options::RedisOptions,
    pending_writes::PendingWrites,
    session::Session,
};
use futures::future::join_all;
use parking_lot::RwLock;
use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_ports::{Determinacy, StoreError, StoreResult, back_off::BackOff};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

/// The store's name in errors.
pub(super) const STORE: &str = "Redis";
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSES: BackOff = BackOff::new(FIRST_PAUSE, Duration::from_secs(1));
/// A dial is several round trips; so many connect time-outs are the most it may take.
const DIAL_ROUNDS: u32 = 4;

/// Everything that calls share.
pub(super) struct Link {
    pub(super) dialer: Dialer,
    pub(super) key_prefix: String,
    pub(super) pending_writes: PendingWrites,
    map: RwLock<Arc<Map>>,
    is_outdated: AtomicBool,
    permits: Semaphore,
    connections: usize,
    dial_timeout: Duration,
    /// The keeper has something to do.
    pub(super) wake: Notify,
}

impl Link {
    pub(super) fn new(options: &RedisOptions, pending_writes: PendingWrites) -> Result<Self, String> {
        let dialer = Dialer::new(options)?;
        let is_cluster = dialer.address.topology == Topology::Cluster;
        let map = if is_cluster {
            Map::unknown()
        } else {
            Map::single(Node::new(dialer.address.hosts[0].clone(), options.connections))
        };
        Ok(Self {
            dialer,
            key_prefix: options.key_prefix.clone(),
            pending_writes,
            map: RwLock::new(Arc::new(map)),
            is_outdated: AtomicBool::new(is_cluster),
            permits: Semaphore::new(options.max_in_flight),
            connections: options.connections,
            dial_timeout: options.connect_timeout * DIAL_ROUNDS,
            wake: Notify::new(),
        })
    }

    /// A place among the calls under way; at once or not at all.
    pub(super) fn session(&self) -> StoreResult<Session<'_>> {
        let permit = self.permits.try_acquire().map_err(|_| StoreError::Overloaded { store: STORE })?;
        Ok(Session::new(self, self.map.read().clone(), permit))
    }

    /// Takes a connection out of use that failed, unless it was replaced already.
    pub(super) fn close(&self, node: &Node, failed: &Live, failure: &dyn Display) {
        if node.close(failed) {
            tracing::warn!(node = node.host, %failure, "a connection to Redis is given up");
            self.wake.notify_one();
        }
    }

    /// A slot is not where the map says.
    pub(super) fn outdated(&self) {
        self.is_outdated.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Makes everything work that can: the map, then every closed connection.
    pub(super) async fn restore(&self) -> Result<(), String> {
        let mapped = if self.is_outdated.swap(false, Ordering::Relaxed) { self.read_map().await } else { Ok(()) };
        let map = self.map.read().clone();
        let opened = join_all(map.nodes.iter().map(|node| node.open(&self.dialer, self.dial_timeout))).await;
        let result = opened.into_iter().fold(mapped, Result::and);
        if result.is_err() && map.is_cluster() {
            // A node that is away may have been replaced by another one.
            self.is_outdated.store(true, Ordering::Relaxed);
        }
        result
    }

    /// The first node that answers says who owns what: one of those that are known, or of those that are named.
    async fn read_map(&self) -> Result<(), String> {
        let map = self.map.read().clone();
        let (open, closed): (Vec<_>, Vec<_>) = map.nodes.iter().partition(|node| node.live().is_some());
        let known = open.into_iter().chain(closed).map(|node| &node.host);
        let mut failure = "no node answers".to_owned();
        for host in known.chain(&self.dialer.address.hosts) {
            match tokio::time::timeout(self.dial_timeout, self.dialer.slots(host)).await {
                Ok(Ok(ranges)) if !ranges.is_empty() => {
                    *self.map.write() = Arc::new(map.updated(&ranges, self.connections));
                    return Ok(());
                }
                Ok(Ok(_)) => failure = format!("{host} knows of no slots"),
                Ok(Err(error)) => failure = format!("{host}: {error}"),
                Err(_) => failure = format!("{host}: no answer within {:?}", self.dial_timeout),
            }
        }
        Err(failure)
    }
}

/// Keeps the connections open and sends what is pending, until it is aborted.
pub(super) async fn keep(link: Arc<Link>) {
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        let restored = link.restore().await;
        let settled = match link.session() {
            Ok(mut session) => session.settle().await,
            Err(_) => link.pending_writes.is_empty(),
        };
        if restored.is_ok() && settled {
            failures = 0;
            link.wake.notified().await;
            // While slots move, every call may find the map outdated: it is read now and then, not for each of them.
            tokio::time::sleep_until(began + FIRST_PAUSE).await;
            continue;
        }
        if let Err(failure) = restored {
            tracing::debug!(redis = %link.dialer.address, failure, "not all of Redis is reachable");
        }
        failures = failures.saturating_add(1);
        tokio::time::sleep(PAUSES.pause(failures)).await;
    }
}

pub(super) fn unavailable(determinacy: Determinacy, detail: impl Into<String>) -> StoreError {
    StoreError::Unavailable { store: STORE, determinacy, detail: detail.into() }
}
