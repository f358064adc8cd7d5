//! What a ledger needs of a database.

use super::{
    sql::Statement,
    writes::{BytesWrites, CounterWrites, FollowWrites},
};
use futures::future::BoxFuture;
use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};
use std::fmt::Debug;
use tessera_domain::event::Event;
use tessera_ports::{StoreError, StoreResult};

/// A row as both databases give it.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}

impl<R> Row for R where R: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static {}

/// A database, with what only its kind of ledger needs.
pub trait Dialect: Debug + Send + Sync + 'static {
    type Pool: Pool;

    /// The high bits of this node's lease tokens.
    fn lease_prefix(&self) -> i64 {
        0
    }

    /// Whether the database serves, and has the schema that this program needs.
    fn check(requests: &Self::Pool) -> impl Future<Output = StoreResult<()>> + Send;

    /// Finishes what is under way and closes all connections.
    fn close(&self, requests: &Self::Pool, background: &Self::Pool) -> impl Future<Output = ()> + Send;
}

/// Connections for one kind of work.
pub trait Pool: Debug + Send + Sync + 'static {
    type Scope: Scope;
    type Snapshot: Snapshot;

    /// All rows of a query, each as `map` makes it.
    fn fetch_all<R: Row, T: Send>(
        &self,
        query: Statement,
        map: impl FnMut(R) -> T + Send,
    ) -> impl Future<Output = StoreResult<Vec<T>>> + Send;

    /// The only row of a query, if there is one.
    fn fetch_optional<R: Row, T: Send>(
        &self,
        query: Statement,
        map: impl FnMut(R) -> T + Send,
    ) -> impl Future<Output = StoreResult<Option<T>>> + Send {
        async { Ok(self.fetch_all(query, map).await?.into_iter().next()) }
    }

    /// Runs one writing statement in a transaction of its own; returns how many rows it changed.
    fn execute(&self, statement: Statement) -> impl Future<Output = StoreResult<u64>> + Send;

    /// The same for one that returns rows.
    fn write_returning<R: Row>(&self, statement: Statement) -> impl Future<Output = StoreResult<Vec<R>>> + Send;

    /// Runs an operation in a transaction and returns once it is durable; wakes the workers it made work for.
    ///
    /// An operation that others defeated did nothing and may be run again; so it must do nothing but through its scope.
    fn transact<I, T>(
        &self,
        input: I,
        operation: impl for<'s> Fn(&'s mut Self::Scope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync + 'static,
    ) -> impl Future<Output = StoreResult<T>> + Send
    where
        I: Send + Sync + 'static,
        T: Send + 'static;

    fn snapshot(&self) -> impl Future<Output = StoreResult<Self::Snapshot>> + Send;
}

/// A transaction that only reads, and reads everything as it stood at its first statement.
pub trait Snapshot: Send {
    /// All rows of a query.
    fn fetch_all<R: Row>(&mut self, query: Statement) -> impl Future<Output = StoreResult<Vec<R>>> + Send;
}

/// What an operation works with: a connection inside of a transaction of its own.
pub trait Scope: FollowWrites + CounterWrites + BytesWrites + Sized {
    /// The store's name in errors.
    const STORE: &'static str;

    /// Runs a statement; returns how many rows it changed.
    fn execute(&mut self, statement: Statement) -> impl Future<Output = StoreResult<u64>> + Send;

    /// All rows of a query.
    fn fetch_all<R: Row>(&mut self, query: Statement) -> impl Future<Output = StoreResult<Vec<R>>> + Send;

    /// The only row of a query, if there is one.
    fn fetch_optional<R: Row>(&mut self, query: Statement) -> impl Future<Output = StoreResult<Option<R>>> + Send {
        async { Ok(self.fetch_all(query).await?.into_iter().next()) }
    }

    /// The row of a query that always has one.
    fn fetch_one<R: Row>(&mut self, query: Statement) -> impl Future<Output = StoreResult<R>> + Send;

    /// Writes an event into the outbox, in the transaction of what it tells of, and wakes the relay after the commit.
    fn record(&mut self, event: &Event) -> impl Future<Output = StoreResult<()>> + Send {
        async {
            let event = serde_json::to_string(event).map_err(refused::<Self>)?;
            self.execute(sql!("INSERT INTO outbox (event) VALUES ($1)").bind(event)).await?;
            self.wake_outbox();
            Ok(())
        }
    }

    /// Waits until nobody else has the lock of this number, and keeps it until the end of the transaction.
    fn wait_for_lock(&mut self, number: i64) -> impl Future<Output = StoreResult<()>> + Send;

    /// Wakes the outbox's relay after the commit.
    fn wake_outbox(&mut self);

    /// Wakes the media workers after the commit.
    fn wake_media_jobs(&mut self);

    /// An error that has the operation run again: what it saw was changed by others meanwhile.
    fn overtaken(&mut self) -> StoreError;
}

/// The caller asked for something wrong.
pub fn refused<S: Scope>(detail: impl ToString) -> StoreError {
    StoreError::Refused { store: S::STORE, detail: detail.to_string() }
}
