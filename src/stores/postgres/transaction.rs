//! Transactions of a few statements, tried again where others got in their way.

use super::{
    PostgresLedger,
    embeddings::put_embeddings,
    errors::{Failure, failure, refused, statement_error, unavailable},
    pool::{ConnectionPool, Lease, MAX_TRIES, arguments, pause},
    posts::insert_post,
};
use crate::ledger::{self, Row, Statement};
use futures::future::BoxFuture;
use sqlx::{
    Executor, FromRow, Postgres,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs},
};
use tessera_domain::{PostId, event::Event, post::Post};
use tessera_ports::{Determinacy, StoreError, StoreResult, ledger::Embedding};

pub(super) type Scope = TransactionScope;

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
    /// Runs a statement; returns how many rows it changed.
    pub async fn execute(&mut self, query: Query<'_, Postgres, PgArguments>) -> StoreResult<u64> {
        let outcome = query.execute(&mut *self.lease).await;
        Ok(self.noting(outcome)?.rows_affected())
    }

    /// All rows of a query.
    pub async fn fetch_all<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> StoreResult<Vec<R>>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let outcome = query.fetch_all(&mut *self.lease).await;
        self.noting(outcome)
    }

    /// The only row of a query, if there is one.
    pub async fn fetch_optional<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> StoreResult<Option<R>>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let outcome = query.fetch_optional(&mut *self.lease).await;
        self.noting(outcome)
    }

    /// The row of a query that always has one.
    pub async fn fetch_one<R>(&mut self, query: QueryAs<'_, Postgres, R, PgArguments>) -> StoreResult<R>
    where
        R: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let outcome = query.fetch_one(&mut *self.lease).await;
        self.noting(outcome)
    }

    /// Writes events into the outbox, in the transaction of what they tell of.
    pub async fn record(&mut self, events: &[Event]) -> StoreResult<()> {
        let events = self.events(events)?;
        self.execute(sqlx::query("INSERT INTO outbox (event) SELECT * FROM unnest($1::text[])").bind(events)).await?;
        Ok(())
    }

    /// Events as the outbox stores them, for a statement that writes them itself.
    pub fn events(&mut self, events: &[Event]) -> StoreResult<Vec<String>> {
        self.wakes_outbox |= !events.is_empty();
        stored_events(events)
    }

    /// An error that has the transaction tried again: what it saw was changed by others meanwhile.
    pub fn overtaken(&mut self) -> StoreError {
        self.lost = true;
        unavailable(Determinacy::NotDone, "others changed the same rows at the same time")
    }

    /// A failure before the commit: nothing happened.
    pub(super) fn noting<T>(&mut self, outcome: sqlx::Result<T>) -> StoreResult<T> {
        outcome.map_err(|error| {
            let failure = failure(&error);
            self.lost |= failure != Failure::Said;
            self.broken |= failure == Failure::Broken;
            statement_error(error, Determinacy::NotDone)
        })
    }

    pub(super) async fn control(&mut self, statement: &'static str) -> sqlx::Result<()> {
        (&mut *self.lease).execute(statement).await.map(|_| ())
    }
}

impl ledger::Scope for TransactionScope {
    async fn execute(&mut self, statement: Statement) -> StoreResult<u64> {
        self.execute(sqlx::query_with(statement.postgres, arguments(&statement.values)?)).await
    }

    async fn fetch_all<R: Row>(&mut self, query: Statement) -> StoreResult<Vec<R>> {
        self.fetch_all(sqlx::query_as_with(query.postgres, arguments(&query.values)?)).await
    }

    async fn fetch_one<R: Row>(&mut self, query: Statement) -> StoreResult<R> {
        self.fetch_one(sqlx::query_as_with(query.postgres, arguments(&query.values)?)).await
    }

    async fn record(&mut self, event: &Event) -> StoreResult<()> {
        self.record(std::slice::from_ref(event)).await
    }

    /// In a statement of its own: the next ones then see what was done before.
    async fn wait_for_lock(&mut self, number: i64) -> StoreResult<()> {
        ledger::Scope::execute(self, sql!("SELECT pg_advisory_xact_lock($1)").bind(number)).await.map(drop)
    }

    fn wake_outbox(&mut self) {
        self.wakes_outbox = true;
    }

    fn wake_media_jobs(&mut self) {
        self.wakes_media_jobs = true;
    }

    fn overtaken(&mut self) -> StoreError {
        self.overtaken()
    }

    async fn insert_post(&mut self, post: &Post, original_key: &str) -> StoreResult<()> {
        insert_post(self, post, original_key).await
    }

    async fn put_embeddings(&mut self, embeddings: &[(PostId, Embedding)]) -> StoreResult<u64> {
        put_embeddings(self, embeddings).await
    }
}

/// Events as the outbox stores them.
pub(super) fn stored_events(events: &[Event]) -> StoreResult<Vec<String>> {
    events.iter().map(stored_event).collect()
}

/// An event as the outbox stores it.
pub(super) fn stored_event(event: &Event) -> StoreResult<String> {
    serde_json::to_string(event).map_err(refused)
}

/// How one try ended.
enum Try<T> {
    Done(T),
    /// Nothing happened, and another try may succeed.
    Again(tessera_ports::StoreError),
    Failed(tessera_ports::StoreError),
}

impl PostgresLedger {
    /// Runs an operation in a transaction.
    pub(super) async fn transact<I, T>(
        &self,
        pool: &ConnectionPool,
        input: I,
        operation: impl for<'s> Fn(&'s mut Scope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync,
    ) -> StoreResult<T>
    where
        I: Send + Sync,
        T: Send,
    {
        pool.run_transaction(input, operation).await
    }
}

impl ConnectionPool {
    /// Runs an operation in a transaction and commits it; wakes the workers it made work for.
    ///
    /// A try that others defeated (deadlock, serialization failure), or whose connection was lost before the
    /// commit, did nothing and is repeated; so the operation must do nothing but through its scope.
    pub(super) async fn run_transaction<I, T>(
        &self,
        input: I,
        operation: impl for<'s> Fn(&'s mut Scope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync,
    ) -> StoreResult<T>
    where
        I: Send + Sync,
        T: Send,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let lease = self.acquire().await?;
            let mut scope =
                TransactionScope { lease, lost: false, broken: false, wakes_outbox: false, wakes_media_jobs: false };
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

impl PostgresLedger {
    /// Begins a transaction that only reads, and reads everything as it stood at its first statement.
    pub(super) async fn begin_snapshot(&self, pool: &ConnectionPool) -> StoreResult<Scope> {
        let mut lease = pool.acquire().await?;
        lease.in_transaction = true;
        let mut scope =
            TransactionScope { lease, lost: false, broken: false, wakes_outbox: false, wakes_media_jobs: false };
        let begun = scope.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await;
        scope.noting(begun)?;
        Ok(scope)
    }
}

async fn try_once<I, T>(
    scope: &mut Scope,
    input: &I,
    operation: &(impl for<'s> Fn(&'s mut Scope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Sync),
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
