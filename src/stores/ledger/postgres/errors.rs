//! From what the driver says to [`StoreError`], and what may be tried again.

use sqlx::migrate::MigrateError;
use tessera_ports::{Determinacy, StoreError};

/// The store's name in errors.
pub(super) const STORE: &str = "postgres";

/// The store cannot be used now.
pub(super) fn unavailable(determinacy: Determinacy, detail: impl ToString) -> StoreError {
    StoreError::Unavailable { store: STORE, determinacy, detail: detail.to_string() }
}

/// Something stored cannot be understood.
pub(super) fn corrupt(detail: impl ToString) -> StoreError {
    StoreError::Corrupt { store: STORE, detail: detail.to_string() }
}

/// The caller, or the operator, asked for something wrong.
pub(super) fn refused(detail: impl ToString) -> StoreError {
    StoreError::Refused { store: STORE, detail: detail.to_string() }
}

/// What a failed statement lets one do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server refused or rolled back: nothing happened, and the connection is well.
    Said,
    /// The server rolled back because of others at work (a deadlock, a serialization failure): try again.
    Conflict,
    /// The connection is lost, or the server is ending it: whether the statement happened is not known.
    Broken,
}

/// How a statement failed.
pub(super) fn failure(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(database) => match database.code().as_deref() {
            Some("40001" | "40P01") => Failure::Conflict,
            // The server shuts down or crashed. It may say so after a commit whose answer it no longer sent.
            Some(code) if code.starts_with("57P") || code.starts_with("08") => Failure::Broken,
            _ => Failure::Said,
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::RowNotFound
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => Failure::Said,
        _ => Failure::Broken,
    }
}

/// What a failed statement means. `broken` is the determinacy where the connection was lost.
///
/// Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub(super) fn statement_error(error: sqlx::Error, broken: Determinacy) -> StoreError {
    if failure(&error) == Failure::Broken {
        return unavailable(broken, error);
    }
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match code.get(..2) {
                // Data, integrity and syntax errors; what is not supported; a statement after a failed one.
                Some("0A" | "21" | "22" | "23" | "42") => refused(error),
                Some("XX") if code != "XX000" => corrupt(error),
                // Timed out, out of resources, read-only, rolled back: it passes, and nothing happened.
                _ => unavailable(Determinacy::NotDone, error),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => corrupt(error),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => unavailable(Determinacy::NotDone, error),
        _ => refused(error),
    }
}

/// What a failed migration means to the operator. `place` names the database without its password.
pub(super) fn migration_error(place: &str, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => refused(format!(
            "{place} has schema version {version}, which is newer than this program knows; \
             start the newer program, or restore an older copy of the data"
        )),
        MigrateError::VersionMismatch(version) => {
            refused(format!("{place} was migrated to schema version {version} by a different build of this program"))
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            statement_error(error, Determinacy::Unknown)
        }
        other => unavailable(Determinacy::NotDone, format!("{place}: {other}")),
    }
}
