//! How a [`super::PostgresLedger`] reaches its server.

use super::errors::refused;
use sqlx::postgres::PgConnectOptions;
use std::{fmt, time::Duration};
use tessera_ports::StoreResult;

/// How a [`super::PostgresLedger`] works.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?sslmode=verify-full`, as libpq writes it.
    pub url: String,
    /// The most connections for requests.
    pub max_connections: u32,
    /// The most connections for jobs, the outbox and membership; one more listens.
    pub job_connections: u32,
    /// How long a caller waits for a connection before it is told that there is none.
    pub acquire_timeout: Duration,
    /// The server ends a statement that takes longer.
    pub statement_timeout: Duration,
    /// The server ends a statement that waits longer for one lock.
    pub lock_timeout: Duration,
    /// The server ends a transaction whose client says nothing for so long, because its node hangs.
    pub idle_in_transaction_timeout: Duration,
}

impl PostgresOptions {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            job_connections: 6,
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(4),
            idle_in_transaction_timeout: Duration::from_secs(3),
        }
    }

    /// What the URL says.
    ///
    /// # Errors
    /// `Refused`, with the driver's reason, which does not quote the URL.
    pub(super) fn connect_options(&self) -> StoreResult<PgConnectOptions> {
        let options: PgConnectOptions =
            self.url.parse().map_err(|error| refused(format!("the database's URL is wrong: {error}")))?;
        Ok(options.application_name("tessera"))
    }

    /// The same with the settings that requests and jobs run under.
    pub(super) fn session_options(&self, connect: PgConnectOptions) -> PgConnectOptions {
        let milliseconds = |limit: Duration| limit.as_millis().to_string();
        connect.options([
            ("statement_timeout", milliseconds(self.statement_timeout)),
            ("lock_timeout", milliseconds(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", milliseconds(self.idle_in_transaction_timeout)),
            // Compiling a query takes longer than any of ours.
            ("jit", "off".to_owned()),
        ])
    }
}

impl fmt::Debug for PostgresOptions {
    /// All but the URL, which holds the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .field("job_connections", &self.job_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .field("idle_in_transaction_timeout", &self.idle_in_transaction_timeout)
            .finish_non_exhaustive()
    }
}

/// A name for the database without its password.
pub(super) fn place(connect: &PgConnectOptions) -> String {
    let database = connect.get_database().unwrap_or(connect.get_username());
    format!("Postgres at {}:{} (database {database})", connect.get_host(), connect.get_port())
}
