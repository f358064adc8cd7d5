//! The Postgres ledger on a real server: the conformance suites, and what only this adapter promises.

use sqlx::{Connection, Executor, PgConnection};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tessera_domain::{PostId, UserId, counters::CounterOperation};
use tessera_ports::{
    Determinacy, Ledger, StoreError,
    conformance::{self, CLUSTER_NODES, ClusterNode, World},
    ledger::{EngagementLedger, GraphLedger, MaintenanceLedger, OutboxLedger, UploadLedger},
};
use tessera_stores::postgres::{PostgresLedger, PostgresOptions};
use tessera_test_servers::Postgres;

async fn open(url: &str) -> Arc<PostgresLedger> {
    PostgresLedger::open(PostgresOptions::new(url)).await.expect("the ledger opens")
}

/// A server whose databases are copied from one that has the schema. It does not sync: a test that wants to know
/// what a crash leaves starts a server of its own.
struct Databases {
    server: Postgres,
    number: AtomicUsize,
}

impl Databases {
    async fn start() -> Self {
        let server = Postgres::start();
        server.sql("postgres", "ALTER SYSTEM SET fsync = off");
        server.sql("postgres", "SELECT pg_reload_conf()");
        open(&server.create_database("template")).await.close().await;
        Self { server, number: AtomicUsize::new(0) }
    }

    /// The URL of a fresh, empty ledger.
    async fn make(&self) -> String {
        let name = format!("ledger_{}", self.number.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.server.url()).await.expect("a connection");
        let create = format!("CREATE DATABASE {name} TEMPLATE template STRATEGY file_copy");
        connection.execute(sqlx::AssertSqlSafe(create)).await.expect("a copy of the template");
        connection.close().await.expect("close");
        self.server.url_of(&name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_ledgers_guarantees() {
    let databases = Databases::start().await;
    conformance::ledger(|| async { open(&databases.make().await).await as Arc<dyn Ledger> }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_memberships_guarantees() {
    let databases = Databases::start().await;
    conformance::membership(|| async {
        let url = databases.make().await;
        let mut nodes = Vec::with_capacity(CLUSTER_NODES);
        for _ in 0..CLUSTER_NODES {
            let node = open(&url).await;
            nodes.push(ClusterNode { ledger: Arc::clone(&node) as _, membership: node });
        }
        nodes.try_into().ok().expect("as many as are wanted")
    })
    .await;
}
