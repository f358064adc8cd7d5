//! A bounded pool of connections for one kind of work, so that it cannot take all of another's.
//!
//! Nothing acquires a second connection while it holds one. A connection is tested before its use where it lay
//! idle, so that those a restarted server has cut are replaced unseen; a read that loses its connection is sent
//! again, for reading twice is harmless.

use super::{
    announcer::Announcer,
    errors::{Failure, STORE, failure, refused, statement_error, unavailable},
    transaction::{ReadTransaction, TransactionScope},
};
use crate::ledger::{Pool, Row, Statement, Value};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{
    Arguments, Connection, Executor, PgConnection, Postgres,
    pool::PoolConnection,
    postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions},
};
use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tessera_ports::{Determinacy, StoreError, StoreResult, back_off::BackOff};
use tokio::runtime::Handle;

/// How often a statement or transaction is tried, the first time included.
pub(super) const MAX_TRIES: u32 = 6;
/// A connection that lay idle for longer is tested before its use.
const TRUSTED_IDLE: Duration = Duration::from_millis(50);
/// How long a connection may take to become usable again after its use; then it is closed.
const RETURN_LIMIT: Duration = Duration::from_secs(3);
/// Statements that stay prepared on each connection.
const STATEMENT_CACHE: usize = 200;

/// Whether a statement may be sent again where nobody knows if it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Read,
    Write,
}

/// A pool and its limits.
#[derive(Debug)]
pub struct ConnectionPool {
    name: &'static str,
    pool: PgPool,
    max_connections: u32,
    acquire_timeout: Duration,
    /// The longest that a statement or transaction may take, by this machine's clock.
    operation_timeout: Duration,
    /// The last use found the server out of reach.
    unreachable: Arc<AtomicBool>,
    pub(super) announcer: Announcer,
}

impl ConnectionPool {
    /// A pool that opens its connections when they are needed.
    pub(super) fn new(
        name: &'static str,
        options: PgConnectOptions,
        max_connections: u32,
        acquire_timeout: Duration,
        operation_timeout: Duration,
        announcer: Announcer,
    ) -> Self {
        let unreachable = Arc::new(AtomicBool::new(false));
        let found_dead = Arc::clone(&unreachable);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(acquire_timeout)
            // Done below, where it is needed.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let found_dead = Arc::clone(&found_dead);
                Box::pin(async move {
                    if meta.idle_for > TRUSTED_IDLE {
                        connection.ping().await.inspect_err(|_| found_dead.store(true, Ordering::Relaxed))?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options.statement_cache_capacity(STATEMENT_CACHE));
        Self { name, pool, max_connections, acquire_timeout, operation_timeout, unreachable, announcer }
    }

    /// The longest that a statement or transaction may take, by this machine's clock.
    pub(super) fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    pub(super) async fn acquire(&self) -> StoreResult<Lease> {
        match self.pool.acquire().await {
            Ok(connection) => Ok(Lease { connection: Some(connection), in_transaction: false }),
            Err(sqlx::Error::PoolTimedOut)
                if !self.unreachable.load(Ordering::Relaxed) && self.pool.size() >= self.max_connections =>
            {
                Err(StoreError::Overloaded { store: STORE })
            }
            Err(sqlx::Error::PoolTimedOut) => {
                self.unreachable.store(true, Ordering::Relaxed);
                let detail = format!("no connection within {:?} for {}", self.acquire_timeout, self.name);
                Err(unavailable(Determinacy::NotDone, detail))
            }
            Err(error) => {
                self.unreachable.store(true, Ordering::Relaxed);
                Err(unavailable(Determinacy::NotDone, error))
            }
        }
    }

    /// Notes how a use of a connection ended, to tell a full pool from a server that is gone.
    pub(super) fn note(&self, reachable: bool) {
        self.unreachable.store(!reachable, Ordering::Relaxed);
    }

    /// All rows of one statement.
    async fn rows<R: Row>(&self, effect: Effect, query: Statement) -> StoreResult<Vec<R>> {
        let arguments = arguments(&query.values)?;
        self.run(effect, |connection| {
            sqlx::query_as_with(query.postgres, arguments.clone()).fetch_all(connection).boxed()
        })
        .await
    }

    /// Runs one statement outside of any transaction: it is its own.
    async fn run<T>(
        &self,
        effect: Effect,
        statement: impl for<'c> Fn(&'c mut PgConnection) -> BoxFuture<'c, sqlx::Result<T>>,
    ) -> StoreResult<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut lease = self.acquire().await?;
            let Ok(outcome) = tokio::time::timeout(self.operation_timeout, statement(&mut lease)).await else {
                lease.abandon();
                self.note(false);
                return Err(unavailable(Determinacy::Unknown, "the server did not answer in time"));
            };
            let error = match outcome {
                Ok(value) => {
                    self.note(true);
                    return Ok(value);
                }
                Err(error) => error,
            };
            let failure = failure(&error);
            self.note(failure != Failure::Broken);
            let again = failure == Failure::Conflict || failure == Failure::Broken && effect == Effect::Read;
            if !again || tries == MAX_TRIES {
                return Err(statement_error(error, Determinacy::Unknown));
            }
            drop(lease);
            pause(tries).await;
        }
    }

    /// Waits for what is under way and closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Pool for ConnectionPool {
    type Scope = TransactionScope;
    type Snapshot = ReadTransaction;

    async fn fetch_all<R: Row, T: Send>(
        &self,
        query: Statement,
        map: impl FnMut(R) -> T + Send,
    ) -> StoreResult<Vec<T>> {
        Ok(self.rows(Effect::Read, query).await?.into_iter().map(map).collect())
    }

    async fn execute(&self, statement: Statement) -> StoreResult<u64> {
        let arguments = arguments(&statement.values)?;
        let done = self
            .run(Effect::Write, |connection| {
                sqlx::query_with(statement.postgres, arguments.clone()).execute(connection).boxed()
            })
            .await?;
        Ok(done.rows_affected())
    }

    async fn write_returning<R: Row>(&self, statement: Statement) -> StoreResult<Vec<R>> {
        self.rows(Effect::Write, statement).await
    }

    async fn transact<I, T>(
        &self,
        input: I,
        operation: impl for<'s> Fn(&'s mut TransactionScope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync + 'static,
    ) -> StoreResult<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.run_transaction(input, operation).await
    }

    async fn snapshot(&self) -> StoreResult<ReadTransaction> {
        self.begin_reading().await
    }
}

/// Values as Postgres takes them: a table is as many arrays as it has columns.
pub(super) fn arguments(values: &[Value]) -> StoreResult<PgArguments> {
    let mut arguments = PgArguments::default();
    add_all(&mut arguments, values)?;
    Ok(arguments)
}

fn add_all(arguments: &mut PgArguments, values: &[Value]) -> StoreResult<()> {
    for value in values {
        let added = match value {
            Value::Integer(value) => arguments.add(value),
            Value::Boolean(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Integers(values) => arguments.add(values),
            Value::Texts(values) => arguments.add(values),
            Value::BytesList(values) => arguments.add(values),
            Value::Rows(columns) => {
                add_all(arguments, columns)?;
                continue;
            }
        };
        added.map_err(refused)?;
    }
    Ok(())
}

/// The pauses between tries.
const PAUSES: BackOff = BackOff::new(Duration::from_millis(4), Duration::from_millis(256));

/// A short wait before the next try, longer each time and never the same for two.
pub(super) async fn pause(tries: u32) {
    tokio::time::sleep(PAUSES.pause(tries.saturating_add(1))).await;
}

/// A connection out of a pool. It goes back when it is dropped, in the background and within [`RETURN_LIMIT`], rolled
/// back where a transaction is open: whoever stops waiting for a statement leaves nothing behind.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<PoolConnection<Postgres>>,
    /// There is a transaction to roll back when this is dropped.
    pub in_transaction: bool,
}

impl Lease {
    /// Closes the connection at once: it no longer answers.
    pub fn abandon(mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_deref().expect("only abandon and drop take it, and both end the lease")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_deref_mut().expect("only abandon and drop take it, and both end the lease")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            drop(connection.detach());
            return;
        };
        let in_transaction = self.in_transaction;
        runtime.spawn(async move {
            if in_transaction {
                match tokio::time::timeout(RETURN_LIMIT, connection.execute("ROLLBACK")).await {
                    Ok(Ok(_)) => {}
                    _ => {
                        drop(connection.detach());
                        return;
                    }
                }
            }
            // The pool tests the connection, which may take for ever where nothing answers any more.
            let _ = tokio::time::timeout(RETURN_LIMIT, connection.return_to_pool()).await;
        });
    }
}
