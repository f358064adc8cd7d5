//! The one writer, with group commit.
//!
//! SQLite lets one transaction write at a time, and a durable commit costs a sync of the disk. So one
//! task owns the only write connection; callers send it operations over a bounded channel. It takes
//! whatever has queued while the last commit was under way, runs each operation in a savepoint of
//! one transaction, commits once and then answers everybody. Nothing waits for a batch to fill: alone,
//! an operation is committed at once; under load, the disk's own pace makes the batches.
//!
//! An operation that fails or panics rolls back to its savepoint and disturbs nobody.

use super::{
    connections::arguments,
    errors::{STORE, refused, statement_error, unavailable},
};
use crate::ledger::{Row, Scope, Statement};
use futures::{FutureExt, future::BoxFuture};
use sqlx::{Connection, SqliteConnection, sqlite::SqlitePool};
use std::{fs::File, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tessera_ports::{Determinacy, StoreError, StoreResult, ledger::LedgerWakes};
use tokio::sync::{mpsc, oneshot};

/// A full queue makes a caller wait this long before it is told so.
const QUEUE_WAIT: Duration = Duration::from_secs(1);
/// The most operations in one commit: bounds how long the first of them waits for the last.
const MAX_BATCH: usize = 256;

/// What an operation works with: the write connection, inside its own savepoint.
pub struct WriteScope {
    connection: SqliteConnection,
    wakes_outbox: bool,
    wakes_media_jobs: bool,
}

impl Scope for WriteScope {
    const STORE: &'static str = STORE;

    async fn execute(&mut self, statement: Statement) -> StoreResult<u64> {
        let query = sqlx::query_with(statement.sqlite, arguments(statement.values)?);
        Ok(query.execute(&mut self.connection).await.map_err(statement_error)?.rows_affected())
    }

    async fn fetch_all<R: Row>(&mut self, query: Statement) -> StoreResult<Vec<R>> {
        let query = sqlx::query_as_with(query.sqlite, arguments(query.values)?);
        query.fetch_all(&mut self.connection).await.map_err(statement_error)
    }

    async fn fetch_one<R: Row>(&mut self, query: Statement) -> StoreResult<R> {
        let query = sqlx::query_as_with(query.sqlite, arguments(query.values)?);
        query.fetch_one(&mut self.connection).await.map_err(statement_error)
    }

    /// There is only one that writes.
    async fn wait_for_lock(&mut self, _: i64) -> StoreResult<()> {
        Ok(())
    }

    fn wake_outbox(&mut self) {
        self.wakes_outbox = true;
    }

    fn wake_media_jobs(&mut self) {
        self.wakes_media_jobs = true;
    }

    fn overtaken(&mut self) -> StoreError {
        unavailable(Determinacy::NotDone, "others changed the same rows at the same time")
    }
}

impl WriteScope {
    async fn control(&mut self, statement: &'static str) -> StoreResult<()> {
        self.execute(Statement::of(statement)).await.map(drop)
    }
}

/// Tells one caller how it ended; held back until the commit.
type Answer = Box<dyn FnOnce(StoreResult<()>) + Send>;

/// Something to do inside a savepoint.
trait Operation: Send {
    /// Does it; says whether it succeeded, and gives its answer.
    fn run(self: Box<Self>, scope: &mut WriteScope) -> BoxFuture<'_, (bool, Answer)>;
    /// Tells the caller that it never got its turn.
    fn turn_away(self: Box<Self>, error: StoreError);
}

struct Pending<T, F> {
    work: F,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Operation for Pending<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut WriteScope) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
{
    fn run(self: Box<Self>, scope: &mut WriteScope) -> BoxFuture<'_, (bool, Answer)> {
        Box::pin(async move {
            let Pending { work, reply } = *self;
            let outcome = AssertUnwindSafe(async { work(scope).await }).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| Err(refused("the operation panicked")));
            let succeeded = outcome.is_ok();
            let answer: Answer = Box::new(move |committed| {
                let _ = reply.send(outcome.and_then(|value| committed.map(|()| value)));
            });
            (succeeded, answer)
        })
    }

    fn turn_away(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

enum Command {
    Write(Box<dyn Operation>),
    Close(oneshot::Sender<()>),
}

/// The callers' end of the writer.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    commands: mpsc::Sender<Command>,
}

/// What the writer's task owns besides its connection, and lets go of in order when it ends.
pub(super) struct WriterResources {
    /// Closed before the write connection, so that the last connection can empty the write-ahead log.
    pub readers: SqlitePool,
    /// Keeps other processes out.
    pub lock: File,
    /// Told of new work after each commit.
    pub wakes: Arc<LedgerWakes>,
}

impl Writer {
    /// Starts the writer's task on the current runtime. It ends by [`Writer::close`] or when every handle is gone.
    pub fn start(
        connection: SqliteConnection,
        resources: WriterResources,
        group_commit: bool,
        queue_length: usize,
    ) -> Self {
        let (commands, receiver) = mpsc::channel(queue_length);
        let scope = WriteScope { connection, wakes_outbox: false, wakes_media_jobs: false };
        let max_batch = if group_commit { MAX_BATCH } else { 1 };
        tokio::spawn(run(scope, receiver, resources, max_batch));
        Self { commands }
    }

    /// Runs `operation` in a transaction and returns once it is durable.
    ///
    /// The operation runs to its end even if the caller stops waiting.
    pub async fn write<T, F>(&self, operation: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut WriteScope) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let command = Command::Write(Box::new(Pending { work: operation, reply }));
        self.send(command).await?;
        answer.await.unwrap_or_else(|_| Err(unavailable(Determinacy::Unknown, "the writer stopped")))
    }

    /// Finishes what has queued and closes the file. Later writes fail.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.commands.send(Command::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn send(&self, command: Command) -> StoreResult<()> {
        match self.commands.send_timeout(command, QUEUE_WAIT).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(StoreError::Overloaded { store: STORE }),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => {
                Err(unavailable(Determinacy::NotDone, "the ledger is closed"))
            }
        }
    }
}

async fn run(
    mut scope: WriteScope,
    mut commands: mpsc::Receiver<Command>,
    resources: WriterResources,
    max_batch: usize,
) {
    let mut batch = Vec::with_capacity(max_batch);
    let mut closers = Vec::new();
    // After a Close the channel takes nothing new, and this loop ends once it has run dry.
    while commands.recv_many(&mut batch, max_batch).await > 0 {
        let mut operations = Vec::with_capacity(batch.len());
        for command in batch.drain(..) {
            match command {
                Command::Write(operation) => operations.push(operation),
                Command::Close(reply) => {
                    commands.close();
                    closers.push(reply);
                }
            }
        }
        if !operations.is_empty() {
            commit_together(&mut scope, operations, &resources.wakes).await;
        }
    }
    resources.readers.close().await;
    if let Err(error) = scope.connection.close().await {
        tracing::warn!(%error, "closing the ledger failed; the write-ahead log is replayed at the next start");
    }
    drop(resources.lock);
    for closer in closers {
        let _ = closer.send(());
    }
}

/// Runs operations in one transaction, each in its savepoint, commits, and answers everybody.
async fn commit_together(scope: &mut WriteScope, operations: Vec<Box<dyn Operation>>, wakes: &LedgerWakes) {
    scope.wakes_outbox = false;
    scope.wakes_media_jobs = false;
    let mut answers = Vec::with_capacity(operations.len());
    let committed = match run_operations(scope, operations, &mut answers).await {
        Ok(()) => scope.control("COMMIT").await.map_err(|error| unavailable(Determinacy::Unknown, error)),
        Err(error) => Err(error),
    };
    match &committed {
        Ok(()) => {
            if scope.wakes_outbox {
                wakes.outbox.notify_one();
            }
            if scope.wakes_media_jobs {
                wakes.media_jobs.notify_one();
            }
        }
        Err(error) => {
            tracing::error!(%error, "a group commit failed");
            // Where SQLite has rolled back by itself this fails and changes nothing.
            let _ = scope.control("ROLLBACK").await;
        }
    }
    for answer in answers {
        answer(committed.clone());
    }
}

/// Begins the transaction and runs every operation.
///
/// An error means that the transaction is lost as a whole, as after a full disk; those that did not
/// get their turn are told so here.
async fn run_operations(
    scope: &mut WriteScope,
    operations: Vec<Box<dyn Operation>>,
    answers: &mut Vec<Answer>,
) -> StoreResult<()> {
    let mut ready = scope.control("BEGIN IMMEDIATE; SAVEPOINT operation").await;
    let last = operations.len() - 1;
    for (index, operation) in operations.into_iter().enumerate() {
        if let Err(error) = &ready {
            operation.turn_away(unavailable(Determinacy::NotDone, error));
            continue;
        }
        let (succeeded, answer) = operation.run(scope).await;
        answers.push(answer);
        if !succeeded {
            // The savepoint stays open and serves the next operation.
            ready = scope.control("ROLLBACK TO operation").await;
        } else if index < last {
            ready = scope.control("RELEASE operation; SAVEPOINT operation").await;
        }
    }
    ready.map_err(|error| unavailable(Determinacy::NotDone, error))
}

#[cfg(test)]
mod tests {
    use crate::{
        ledger::Scope,
        sqlite::{SqliteLedger, SqliteOptions},
    };
    use std::sync::Arc;
    use tessera_domain::{UserId, event::Event};
    use tessera_ports::{
        StoreError,
        ledger::{MaintenanceLedger, OutboxLedger},
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_ends_its_operation_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger =
            SqliteLedger::open(folder.path().join("l.sqlite"), SqliteOptions::default()).await.expect("it opens");
        let writes = (0..30_u64).map(|number| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                ledger
                    .requests
                    .writer
                    .write(move |scope| {
                        Box::pin(async move {
                            scope.record(&Event::UserChanged { user_id: UserId(number) }).await?;
                            assert!(number % 3 > 0, "a defect");
                            Ok(number)
                        })
                    })
                    .await
            })
        });
        for (number, write) in writes.collect::<Vec<_>>().into_iter().enumerate() {
            match write.await.expect("the panic stays inside") {
                Ok(value) => assert_eq!(value, number as u64),
                Err(error) => assert!(number % 3 == 0 && matches!(error, StoreError::Refused { .. }), "{error}"),
            }
        }
        assert_eq!(ledger.outbox_counts().await.expect("outbox_counts").pending, 20, "what panicked left nothing");
        ledger.check().await.expect("the writer lives");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lost_transaction_is_told_to_all_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger =
            SqliteLedger::open(folder.path().join("l.sqlite"), SqliteOptions::default()).await.expect("it opens");
        let event = Event::UserChanged { user_id: UserId(1) };
        let lost = ledger
            .requests
            .writer
            .write(move |scope| {
                Box::pin(async move {
                    scope.record(&event).await?;
                    // As SQLite does by itself when the disk is full.
                    scope.control("ROLLBACK").await?;
                    Err::<(), _>(super::refused("a full disk"))
                })
            })
            .await;
        assert!(lost.is_err());
        assert_eq!(ledger.outbox_counts().await.expect("outbox_counts").pending, 0);
        ledger.check().await.expect("the writer goes on");
    }
}
