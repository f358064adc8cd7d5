//! The ledger on Postgres: a cluster's only truth, shared by all of its nodes.
//!
//! Every write is one statement or one short transaction at the level read committed. Rows that decide are locked
//! first, in the order of their ids, so that what is counted stays exact whoever counts at the same time; a
//! deadlock or serialization failure did nothing, and is tried again here. Reads are single statements, so each
//! sees one moment, and all that was committed before it began.
//!
//! Pools of connections keep requests, background work (jobs, outbox) and membership out of each other's way. The
//! database must be reached directly or through a pooler in session mode: prepared statements and `LISTEN` belong to a
//! session.

mod announcements;
mod announcer;
mod embeddings;
mod engagement;
mod errors;
mod graph;
mod listener;
mod membership;
mod membership_rows;
mod options;
mod pool;
mod schema;
mod transaction;

pub use options::PostgresOptions;

use crate::ledger::{Dialect, NODE_SHIFT, Pool, SqlLedger};
use announcer::Announcer;
use errors::{refused, unavailable};
use pool::ConnectionPool;
use sqlx::migrate::Migrator;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tessera_ports::{Determinacy, Ledger, StoreResult, ledger::LedgerWakes};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

static MIGRATIONS: Migrator = sqlx_macros::migrate!("./ledger/postgres/migrations");

/// How long opening waits for the first connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The oldest server that has all that is used here (`server_version_num`).
const OLDEST_SERVER: u32 = 130_000;
/// Connections that only membership uses.
const MEMBERSHIP_CONNECTIONS: u32 = 2;

/// A ledger in one Postgres database, and the membership table beside it.
///
/// After [`tessera_ports::Membership::join`] its leases carry its node's number, so that evicting the node ends them.
pub type PostgresLedger = SqlLedger<Postgres>;

/// What only a ledger on Postgres has.
#[derive(Debug)]
pub struct Postgres {
    /// For membership alone: a lease must be renewed however much waits for a slow disk.
    members: Arc<ConnectionPool>,
    members_changed: Arc<Notify>,
    /// The node's number, 0 while it is no member.
    number: AtomicU16,
    stop: CancellationToken,
    _stop_when_dropped: DropGuard,
}

impl Dialect for Postgres {
    type Pool = ConnectionPool;

    fn lease_prefix(&self) -> i64 {
        i64::from(self.number.load(Ordering::Relaxed)) << NODE_SHIFT
    }

    async fn check(requests: &ConnectionPool) -> StoreResult<()> {
        let query = sql!(
            "SELECT (SELECT max(version) FROM _sqlx_migrations WHERE success),
                    current_setting('transaction_read_only') = 'on'"
        );
        let (version, read_only): (Option<i64>, bool) =
            requests.fetch_optional(query, |row| row).await?.unwrap_or_default();
        let needed = schema::known_version();
        // A newer one is well: a newer node has joined while this one still serves.
        if version.unwrap_or(0) < needed {
            return Err(refused(format!("the schema has version {version:?}, this program needs {needed}")));
        }
        if read_only {
            return Err(unavailable(Determinacy::NotDone, "the server takes no writes (is it a replica?)"));
        }
        Ok(())
    }

    async fn close(&self, requests: &ConnectionPool, background: &ConnectionPool) {
        self.stop.cancel();
        tokio::join!(requests.close(), background.close(), self.members.close());
    }
}

impl PostgresLedger {
    /// The ledger behind its port. Made here, so that its code is compiled in this crate and not in each that uses it.
    pub fn behind_port(self: Arc<Self>) -> Arc<dyn Ledger> {
        self
    }

    /// Connects and brings the schema up to date. Nodes that do so at once wait for each other.
    ///
    /// Must be called on a Tokio runtime; the listener and the announcer live there until [`Self::close`] or drop.
    ///
    /// # Errors
    /// `Refused`, with a sentence for the operator that names host and port and never the password, where the URL is
    /// wrong, the server does not let one in, or the schema is too new for this program; `Unavailable` where the
    /// server cannot be reached.
    ///
    /// [`Self::close`]: tessera_ports::ledger::MaintenanceLedger::close
    pub async fn open(options: PostgresOptions) -> StoreResult<Arc<Self>> {
        let connect = options.connect_options()?;
        let place = options::place(&connect);
        schema::migrate(&connect, &place).await?;

        let session = options.session_options(connect);
        let wakes = Arc::new(LedgerWakes::default());
        let announcer = Announcer::new(Arc::clone(&wakes));
        let pool = |name, connections| {
            Arc::new(ConnectionPool::new(
                name,
                session.clone(),
                connections,
                options.acquire_timeout,
                options.statement_timeout + options.acquire_timeout,
                announcer.clone(),
            ))
        };
        let background = pool("background work", options.job_connections);
        let members_changed = Arc::new(Notify::new());
        let stop = CancellationToken::new();
        announcements::start(announcer.clone(), Arc::clone(&background), stop.clone());
        let members = pool("membership", MEMBERSHIP_CONNECTIONS);
        let requests = pool("requests", options.max_connections);
        listener::start(session, announcer.origin(), Arc::clone(&wakes), Arc::clone(&members_changed), stop.clone());
        let database = Postgres {
            members,
            members_changed,
            number: AtomicU16::new(0),
            _stop_when_dropped: stop.clone().drop_guard(),
            stop,
        };
        Ok(Arc::new(Self { requests, background, wakes, database }))
    }
}
