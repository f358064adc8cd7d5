//! From what the driver says to [`StoreError`].

use sqlx::migrate::MigrateError;
use tessera_ports::{Determinacy, StoreError};

/// The store's name in errors.
pub(super) const STORE: &str = "sqlite";

// Primary result codes, https://www.sqlite.org/rescode.html
const SQLITE_ERROR: i32 = 1;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_TOOBIG: i32 = 18;
const SQLITE_CONSTRAINT: i32 = 19;
const SQLITE_MISMATCH: i32 = 20;
const SQLITE_RANGE: i32 = 25;
const SQLITE_NOTADB: i32 = 26;

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

/// What a failed statement means. Never `Unknown`: a statement takes effect only by the commit after it.
pub(super) fn statement_error(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let code: i32 = database.code().and_then(|code| code.parse().ok()).unwrap_or(SQLITE_ERROR);
            match code & 0xff {
                SQLITE_CORRUPT | SQLITE_NOTADB => corrupt(error),
                SQLITE_ERROR | SQLITE_TOOBIG | SQLITE_CONSTRAINT | SQLITE_MISMATCH | SQLITE_RANGE => refused(error),
                _ => unavailable(Determinacy::NotDone, error),
            }
        }
        sqlx::Error::PoolTimedOut => StoreError::Overloaded { store: STORE },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => corrupt(error),
        sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } | sqlx::Error::Encode(_) => {
            refused(error)
        }
        _ => unavailable(Determinacy::NotDone, error),
    }
}

/// What a failed migration means to the operator.
pub(super) fn migration_error(path: &str, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => refused(format!(
            "{path} has schema version {version}, which is newer than this program knows; \
             start the newer program, or restore an older copy of the data"
        )),
        MigrateError::VersionMismatch(version) => {
            refused(format!("{path} was migrated to schema version {version} by a different build of this program"))
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => statement_error(error),
        other => unavailable(Determinacy::NotDone, other),
    }
}
