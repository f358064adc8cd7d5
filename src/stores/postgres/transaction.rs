//! Transactions of a few statements, tried again where others got in their way.

use super::{
    PostgresLedger,
    errors::{Failure, failure, refused, statement_error, unavailable},
    lane::{Lane, Lease, MAX_TRIES, pause},
};
use futures::future::BoxFuture;
use sqlx::{
    Executor, FromRow, Postgres,
    postgres::{PgArguments, PgRow},
    query::{Query, QueryAs},
};
use tessera_domain::event::Event;
use tessera_ports::{Determinacy, StoreResult};

/// What an operation works with: a connection with an open transaction, at the level read committed.
pub(super) struct Scope {
    lease: Lease,
    /// The transaction is lost, through others or with its connection; trying it again may help.
    lost: bool,
    broken: bool,
    /// There are new events.
    pub wakes_outbox: bool,
    /// There are new media jobs.
    pub wakes_media_jobs: bool,
}

impl Scope {
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
        events.iter().map(stored_event).collect()
    }

    /// An error that has the transaction tried again: what it saw was changed by others meanwhile.
    pub fn overtaken(&mut self) -> tessera_ports::StoreError {
        self.lost = true;
        unavailable(Determinacy::NotDone, "others changed the same rows at the same time")
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
        (&mut *self.lease).execute(statement).await.map(|_| ())
    }
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
    /// Runs an operation in a transaction and commits it; wakes the workers it made work for.
    ///
    /// A try that others defeated (deadlock, serialization failure), or whose connection was lost before the
    /// commit, did nothing and is repeated; so the operation must do nothing but through its scope.
    pub(super) async fn transact<I, T>(
        &self,
        lane: &Lane,
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
            let lease = lane.acquire().await?;
            let mut scope = Scope { lease, lost: false, broken: false, wakes_outbox: false, wakes_media_jobs: false };
            let run = try_once(&mut scope, &input, &operation);
            let Ok(outcome) = tokio::time::timeout(lane.operation_timeout(), run).await else {
                scope.lease.abandon();
                lane.note(false);
                return Err(unavailable(Determinacy::Unknown, "the server did not answer in time"));
            };
            lane.note(!scope.broken);
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
