//! The schema: brought up to date by the first new node that starts, and met by old ones that start after it.

use super::{
    CONNECT_LIMIT, MIGRATIONS, OLDEST_SERVER,
    errors::{migration_error, refused, statement_error, unavailable},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tessera_ports::{Determinacy, StoreError, StoreResult};

/// The schema version that this program needs, and knows best.
pub(super) fn known_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// Brings the schema up to date over a connection of its own, which has no time limits for what migrations do.
pub(super) async fn migrate(connect: &PgConnectOptions, place: &str) -> StoreResult<()> {
    let mut connection = open(connect, place).await?;
    if let Some(version) = connection.server_version_num().filter(|version| *version < OLDEST_SERVER) {
        return Err(refused(format!("{place} is too old: version {}, needed is 13 or newer", version / 10_000)));
    }
    let read = tokio::time::timeout(CONNECT_LIMIT, is_newer_and_fits(&mut connection)).await;
    let read = read.map_err(|_| late(place))?;
    if read.map_err(|error| statement_error(error, Determinacy::NotDone))? {
        tracing::warn!(
            known = known_version(),
            place,
            "the ledger has a newer schema than this program knows, and allows it"
        );
    } else {
        // Not `run`, whose future the compiler cannot see to be `Send`. It holds an advisory lock meanwhile. A newer
        // schema that does not allow this program is an error of it.
        MIGRATIONS.run_direct(None, &mut connection, false).await.map_err(|error| migration_error(place, error))?;
    }
    connection.close().await.map_err(|error| statement_error(error, Determinacy::NotDone))
}

async fn open(connect: &PgConnectOptions, place: &str) -> StoreResult<PgConnection> {
    match tokio::time::timeout(CONNECT_LIMIT, PgConnection::connect_with(connect)).await {
        Ok(Ok(connection)) => Ok(connection),
        // A wrong password, an unknown database: the server's own words.
        Ok(Err(error @ sqlx::Error::Database(_))) => Err(refused(format!("{place} refuses: {error}"))),
        Ok(Err(error)) => Err(unavailable(Determinacy::NotDone, format!("{place} cannot be reached: {error}"))),
        Err(_) => Err(late(place)),
    }
}

fn late(place: &str) -> StoreError {
    unavailable(Determinacy::NotDone, format!("{place} did not answer within {CONNECT_LIMIT:?}"))
}

/// Whether a newer program has changed the schema, in ways that this one can live with.
async fn is_newer_and_fits(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let query =
        "SELECT to_regclass('_sqlx_migrations') IS NOT NULL AND to_regclass('ledger_compatibility') IS NOT NULL";
    if !sqlx::query_scalar::<_, bool>(query).fetch_one(&mut *connection).await? {
        return Ok(false);
    }
    let query = "SELECT coalesce((SELECT max(version) FROM _sqlx_migrations WHERE success), 0) > $1
                     AND coalesce((SELECT max(oldest_version) FROM ledger_compatibility), 0) <= $1";
    sqlx::query_scalar(query).bind(known_version()).fetch_one(connection).await
}
