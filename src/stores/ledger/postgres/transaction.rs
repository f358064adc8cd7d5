//! Transactions of a few statements, tried again where others got in their way.

use super::{
    errors::{Failure, STORE, failure, refused, statement_error, unavailable},
    pool::{ConnectionPool, Lease, MAX_TRIES, arguments, pause},
};
use crate::ledger::{Row, Scope, Snapshot, Statement};
use futures::future::BoxFuture;
use sqlx::Executor;
use std::time::Duration;
use tessera_domain::event::Event;
use tessera_ports::{Determinacy, StoreError, StoreResult};

/// What an operation works with: a connection with an open transaction, at the level read committed.
pub struct TransactionScope {
    lease: Lease,
    /// The transaction is lost, through others or with its connection; trying it again may help.
    lost: bool,
    broken: bool,
    /// There are new events.
    pub(super) wakes_outbox: bool,
    /// There are new media jobs.
    pub(super) wakes_media_jobs: bool,
}

impl TransactionScope {
    fn new(lease: Lease) -> Self {
        Self { lease, lost: false, broken: false, wakes_outbox: false, wakes_media_jobs: false }
    }

    /// A failure before the commit: nothing happened.
    fn noting<T>(&mut self, outcome: sqlx::Result<T>) -> StoreResult<T> {
        outcome.map_err(|error| {
            let failure = failure(&error);
            self.lost |= failure != Failure::Said;
            self.broken |= failure == Failure::Broken;
            statement_error(error, Determinacy::NotDone)
        })
    }

    async fn control(&mut self, statement: &'static str) -> sqlx::Result<()> {
        (&mut *self.lease).execute(statement).await.map(drop)
    }
}

impl Scope for TransactionScope {
    const STORE: &'static str = STORE;

    async fn execute(&mut self, statement: Statement) -> StoreResult<u64> {
        let query = sqlx::query_with(statement.postgres, arguments(&statement.values)?);
        let outcome = query.execute(&mut *self.lease).await;
        Ok(self.noting(outcome)?.rows_affected())
    }

    async fn fetch_all<R: Row>(&mut self, query: Statement) -> StoreResult<Vec<R>> {
        let query = sqlx::query_as_with(query.postgres, arguments(&query.values)?);
        let outcome = query.fetch_all(&mut *self.lease).await;
        self.noting(outcome)
    }

    async fn fetch_one<R: Row>(&mut self, query: Statement) -> StoreResult<R> {
        let query = sqlx::query_as_with(query.postgres, arguments(&query.values)?);
        let outcome = query.fetch_one(&mut *self.lease).await;
        self.noting(outcome)
    }

    /// In a statement of its own: the next ones then see what was done before.
    async fn wait_for_lock(&mut self, number: i64) -> StoreResult<()> {
        self.execute(sql!("SELECT pg_advisory_xact_lock($1)").bind(number)).await.map(drop)
    }

    fn wake_outbox(&mut self) {
        self.wakes_outbox = true;
    }

    fn wake_media_jobs(&mut self) {
        self.wakes_media_jobs = true;
    }

    fn overtaken(&mut self) -> StoreError {
        self.lost = true;
        unavailable(Determinacy::NotDone, "others changed the same rows at the same time")
    }
}

/// A transaction that reads one moment, and how long a statement of it may take.
pub struct ReadTransaction {
    scope: TransactionScope,
    statement_limit: Duration,
}

impl Snapshot for ReadTransaction {
    async fn fetch_all<R: Row>(&mut self, query: Statement) -> StoreResult<Vec<R>> {
        tokio::time::timeout(self.statement_limit, self.scope.fetch_all(query))
            .await
            .unwrap_or_else(|_| Err(unavailable(Determinacy::NotDone, "the server did not answer in time")))
    }
}

/// Events as the outbox stores them.
pub(super) fn stored_events(events: &[Event]) -> StoreResult<Vec<String>> {
    events.iter().map(|event| serde_json::to_string(event).map_err(refused)).collect()
}

/// How one try ended.
enum Try<T> {
    Done(T),
    /// Nothing happened, and another try may succeed.
    Again(StoreError),
    Failed(StoreError),
}

impl ConnectionPool {
    /// Runs an operation in a transaction and commits it; wakes the workers it made work for.
    ///
    /// A try that others defeated (deadlock, serialization failure), or whose connection was lost before the
    /// commit, did nothing and is repeated; so the operation must do nothing but through its scope.
    pub(super) async fn run_transaction<I, T>(
        &self,
        input: I,
        operation: impl for<'s> Fn(&'s mut TransactionScope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync,
    ) -> StoreResult<T>
    where
        I: Send + Sync,
        T: Send,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let lease = self.acquire().await?;
            let mut scope = TransactionScope::new(lease);
            let run = try_once(&mut scope, &input, &operation);
            let Ok(outcome) = tokio::time::timeout(self.operation_timeout(), run).await else {
                scope.lease.abandon();
                self.note(false);
                return Err(unavailable(Determinacy::Unknown, "the server did not answer in time"));
            };
            self.note(!scope.broken);
            match outcome {
                Try::Done(value) => {
                    self.announcer.announce(scope.wakes_outbox, scope.wakes_media_jobs);
                    return Ok(value);
                }
                Try::Again(_) if tries < MAX_TRIES => {
                    drop(scope);
                    pause(tries).await;
                }
                Try::Again(error) | Try::Failed(error) => return Err(error),
            }
        }
    }
}

impl ConnectionPool {
    /// Begins a transaction at the level repeatable read.
    pub(super) async fn begin_reading(&self) -> StoreResult<ReadTransaction> {
        let mut scope = TransactionScope::new(self.acquire().await?);
        scope.lease.in_transaction = true;
        // Walks over a table are bounded only where they read an index in its order.
        for statement in [
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "SET LOCAL enable_sort = off; SET LOCAL plan_cache_mode = force_custom_plan",
        ] {
            let outcome = scope.control(statement).await;
            scope.noting(outcome)?;
        }
        Ok(ReadTransaction { scope, statement_limit: self.operation_timeout() })
    }
}

async fn try_once<I, T>(
    scope: &mut TransactionScope,
    input: &I,
    operation: &(impl for<'s> Fn(&'s mut TransactionScope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Sync),
) -> Try<T> {
    // Set first: who stops waiting right after the server began leaves a transaction too.
    scope.lease.in_transaction = true;
    let begun = scope.control("BEGIN").await;
    if let Err(error) = scope.noting(begun) {
        return if scope.lost { Try::Again(error) } else { Try::Failed(error) };
    }
    let value = match operation(scope, input).await {
        Ok(value) => value,
        Err(error) if scope.lost => return Try::Again(error),
        Err(error) => return Try::Failed(error),
    };
    match scope.control("COMMIT").await {
        Ok(()) => {
            scope.lease.in_transaction = false;
            Try::Done(value)
        }
        Err(error) => {
            let failure = failure(&error);
            scope.broken = failure == Failure::Broken;
            let error = statement_error(error, Determinacy::Unknown);
            if failure == Failure::Conflict { Try::Again(error) } else { Try::Failed(error) }
        }
    }
}
