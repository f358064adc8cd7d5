//! The ledger on SQLite: embedded mode's only truth, one file.
//!
//! Writes go through the one [`writer`], which commits in groups; reads run beside it on a few
//! read-only connections, for in write-ahead-log mode readers and the writer do not block each other.
//! Every read is one statement of its own, so it sees all that was committed before it began.

mod connections;
mod embeddings;
mod engagement;
mod errors;
mod graph;
mod writer;

use crate::ledger::{Dialect, Pool, SqlLedger};
use connections::Connections;
use errors::{migration_error, refused, statement_error, unavailable};
use sqlx::{
    Connection, SqliteConnection,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tessera_ports::{Determinacy, Ledger, StoreResult, ledger::LedgerWakes};
use writer::{Writer, WriterResources};

static MIGRATIONS: Migrator = sqlx_macros::migrate!("./ledger/sqlite/migrations");

/// How long opening waits for a predecessor that is closing the same file.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How long a read waits for one of the connections.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// How a [`SqliteLedger`] works.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// Commit all that has queued at once. Switched off only to measure what that gains.
    pub group_commit: bool,
    pub read_connections: u32,
    /// Writes that may wait; past it callers wait a second and are then told `Overloaded`.
    pub write_queue_length: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { group_commit: true, read_connections: 4, write_queue_length: 4_096 }
    }
}

/// A ledger in one SQLite file (with its `-wal`, `-shm` and `.lock` companions).
///
/// A commit is synced to the disk before it is answered (`synchronous = FULL`).
pub type SqliteLedger = SqlLedger<Sqlite>;

/// SQLite needs nothing besides its connections.
#[derive(Debug)]
pub struct Sqlite;

impl Dialect for Sqlite {
    type Pool = Connections;

    async fn check(connections: &Connections) -> StoreResult<()> {
        let query = sql!("SELECT max(version) FROM _sqlx_migrations WHERE success");
        let version: Option<i64> = connections.fetch_optional(query, |(version,)| version).await?;
        let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if version.unwrap_or(0) != needed {
            return Err(refused(format!("the schema has version {version:?}, this program needs {needed}")));
        }
        // An empty transaction: the writer lives and the file can be locked for writing.
        connections.transact((), |_, ()| Box::pin(async { Ok(()) })).await
    }

    async fn close(&self, connections: &Connections, _: &Connections) {
        connections.writer.close().await;
    }
}

impl SqliteLedger {
    /// The ledger behind its port. Made here, so that its code is compiled in this crate and not in each that uses it.
    pub fn behind_port(self: Arc<Self>) -> Arc<dyn Ledger> {
        self
    }

    /// Opens the file, makes it where it is missing, and brings its schema up to date.
    ///
    /// Must be called on a Tokio runtime; the writer lives there.
    ///
    /// # Errors
    /// `Refused`, with a sentence for the operator, when another process has the file open or when its
    /// schema is newer than this program; `Unavailable` or `Corrupt` when the file cannot be used.
    pub async fn open(path: impl AsRef<Path>, options: SqliteOptions) -> StoreResult<Arc<Self>> {
        let path = path.as_ref();
        let lock = lock(path).await?;
        let connect = connect_options(path);
        let writing = connect
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", "67108864")
            .pragma("cache_size", "-65536")
            .optimize_on_close(true, 400)
            .thread_name(|_| "sqlite-writer".to_owned());
        let mut connection = SqliteConnection::connect_with(&writing).await.map_err(statement_error)?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| migration_error(&path.display().to_string(), error))?;
        sqlx::query("PRAGMA optimize = 0x10002").execute(&mut connection).await.map_err(statement_error)?;
        end_leases(&mut connection).await?;

        let readers = SqlitePoolOptions::new()
            .max_connections(options.read_connections)
            .min_connections(options.read_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(reading_options(connect))
            .await
            .map_err(statement_error)?;
        let wakes = Arc::new(LedgerWakes::default());
        let resources = WriterResources { readers: readers.clone(), lock, wakes: Arc::clone(&wakes) };
        let writer = Writer::start(connection, resources, options.group_commit, options.write_queue_length);
        let connections = Arc::new(Connections { readers, writer });
        Ok(Arc::new(Self { requests: Arc::clone(&connections), background: connections, wakes, database: Sqlite }))
    }
}

/// Ends the leases that a killed process left behind. The lock on the file proves that nobody holds them, so a
/// restart takes its jobs and events up at once instead of waiting until they run out. Attempts stay spent.
async fn end_leases(connection: &mut SqliteConnection) -> StoreResult<()> {
    for statement in [
        "UPDATE media_jobs SET due_at = 0 WHERE state = 'leased'",
        "UPDATE outbox SET due_at = 0 WHERE lease_token IS NOT NULL",
    ] {
        sqlx::query(statement).execute(&mut *connection).await.map_err(statement_error)?;
    }
    Ok(())
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(200)
}

fn reading_options(connect: SqliteConnectOptions) -> SqliteConnectOptions {
    connect
        .read_only(true)
        .pragma("cache_size", "-16384")
        // A page of rows in one go, without waking the connection's thread in between.
        .row_buffer_size(1_024)
        .thread_name(|number| format!("sqlite-reader-{number}"))
}

/// Takes the lock that keeps a second writer out; the system frees it whenever the holder ends.
async fn lock(path: &Path) -> StoreResult<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |error: std::io::Error| {
        unavailable(Determinacy::NotDone, format!("the lock file {} cannot be used: {error}", name.display()))
    };
    let file = File::create(&name).map_err(failed)?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(refused(format!(
                    "{} is in use by another process; stop that one, or use another data folder",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}
