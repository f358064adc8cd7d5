//! Columns whose values stand for something else: ids as bytes, enums as words, details as JSON, lists.

use serde::de::DeserializeOwned;
use sqlx::{
    Database, Decode, Postgres, Sqlite, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
    sqlite::{SqliteTypeInfo, SqliteValueRef},
};
use tessera_domain::{
    UploadId,
    media::{MediaDetails, MediaKind},
    notification::NotificationKind,
    upload::UploadStatus,
};
use tessera_ports::ledger::JobState;
use uuid::Uuid;

/// A value in the form that its column has. What means nothing fails to decode.
pub(crate) struct Stored<T>(pub T);

/// What a column of a type of the database stands for, in either database.
macro_rules! stored {
    ($($value:ty, in $column:ty: $read:expr;)+) => {$(
        impl<DB: Database> Type<DB> for Stored<$value>
        where
            $column: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$column as Type<DB>>::type_info()
            }

            fn compatible(info: &DB::TypeInfo) -> bool {
                <$column as Type<DB>>::compatible(info)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for Stored<$value>
        where
            $column: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let column = <$column as Decode<'r, DB>>::decode(value)?;
                let read: fn($column) -> Result<$value, BoxDynError> = $read;
                read(column).map(Self)
            }
        }
    )+};
}

stored!(
    u16, in i32: |number| Ok(u16::try_from(number)?);
    u32, in i64: |number| Ok(u32::try_from(number)?);
    UploadId, in Vec<u8>: |bytes| Ok(UploadId(Uuid::from_slice(&bytes)?));
    [u8; 32], in Vec<u8>: |bytes| bytes.try_into().map_err(|bytes: Vec<u8>| format!("a hash of {} bytes", bytes.len()).into());
    MediaDetails, in String: |text| Ok(serde_json::from_str(&text)?);
    UploadStatus, in String: |word| known(UploadStatus::parse(&word), &word);
    NotificationKind, in String: |word| known(NotificationKind::parse(&word), &word);
    MediaKind, in String: |word| known(MEDIA_KINDS.into_iter().find(|kind| media_kind(*kind) == word), &word);
    JobState, in String: |word| known(JOB_STATES.into_iter().find(|state| job_state(*state) == word), &word);
);

fn known<T>(value: Option<T>, word: &str) -> Result<T, BoxDynError> {
    value.ok_or_else(|| format!("{word:?} is none of its words").into())
}

const MEDIA_KINDS: [MediaKind; 2] = [MediaKind::Image, MediaKind::Video];

/// The word that a kind of media is stored as.
pub(crate) fn media_kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
    }
}

/// The column of details of media.
pub(crate) fn media_details(details: &MediaDetails) -> Result<String, serde_json::Error> {
    serde_json::to_string(details)
}

const JOB_STATES: [JobState; 3] = [JobState::Queued, JobState::Leased, JobState::Dead];

/// The word that a job's state is stored as.
pub(crate) fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Leased => "leased",
        JobState::Dead => "dead",
    }
}

/// A list in one column: an array in Postgres, a JSON array in SQLite.
pub(crate) struct List<T>(pub Vec<T>);

impl<T> Type<Sqlite> for List<T> {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Sqlite> for List<T> {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(serde_json::from_str(<&str as Decode<Sqlite>>::decode(value)?)?))
    }
}

impl<T> Type<Postgres> for List<T>
where
    Vec<T>: Type<Postgres>,
{
    fn type_info() -> PgTypeInfo {
        <Vec<T> as Type<Postgres>>::type_info()
    }

    fn compatible(info: &PgTypeInfo) -> bool {
        <Vec<T> as Type<Postgres>>::compatible(info)
    }
}

impl<'r, T> Decode<'r, Postgres> for List<T>
where
    Vec<T>: Decode<'r, Postgres>,
{
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <Vec<T> as Decode<Postgres>>::decode(value).map(Self)
    }
}
