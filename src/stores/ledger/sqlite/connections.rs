//! The connections to the file: some that read, and the writer.

use super::{
    errors::{refused, statement_error},
    writer::{WriteScope, Writer},
};
use crate::ledger::{Pool, Row, Scope, Snapshot, Statement, Value};
use futures::future::BoxFuture;
use sqlx::{
    Arguments, Sqlite, Transaction,
    sqlite::{SqliteArguments, SqlitePool},
};
use tessera_ports::StoreResult;

/// A few read-only connections, and the one writer.
#[derive(Debug)]
pub struct Connections {
    pub(super) readers: SqlitePool,
    pub(super) writer: Writer,
}

impl Pool for Connections {
    type Scope = WriteScope;
    type Snapshot = Transaction<'static, Sqlite>;

    async fn fetch_all<R: Row, T: Send>(
        &self,
        query: Statement,
        map: impl FnMut(R) -> T + Send,
    ) -> StoreResult<Vec<T>> {
        let rows = sqlx::query_as_with(query.sqlite, arguments(query.values)?).fetch_all(&self.readers).await;
        Ok(rows.map_err(statement_error)?.into_iter().map(map).collect())
    }

    async fn execute(&self, statement: Statement) -> StoreResult<u64> {
        self.writer.write(move |scope| Box::pin(scope.execute(statement))).await
    }

    async fn write_returning<R: Row>(&self, statement: Statement) -> StoreResult<Vec<R>> {
        self.writer.write(move |scope| Box::pin(scope.fetch_all(statement))).await
    }

    async fn transact<I, T>(
        &self,
        input: I,
        operation: impl for<'s> Fn(&'s mut WriteScope, &'s I) -> BoxFuture<'s, StoreResult<T>> + Send + Sync + 'static,
    ) -> StoreResult<T>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.writer.write(move |scope| Box::pin(async move { operation(scope, &input).await })).await
    }

    async fn snapshot(&self) -> StoreResult<Self::Snapshot> {
        self.readers.begin().await.map_err(statement_error)
    }
}

impl Snapshot for Transaction<'static, Sqlite> {
    async fn fetch_all<R: Row>(&mut self, query: Statement) -> StoreResult<Vec<R>> {
        let query = sqlx::query_as_with(query.sqlite, arguments(query.values)?);
        query.fetch_all(&mut **self).await.map_err(statement_error)
    }
}

/// Values as SQLite takes them: a list or a table is a JSON array.
pub(super) fn arguments(values: Vec<Value>) -> StoreResult<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Integer(value) => Arguments::add(&mut arguments, value),
            Value::Boolean(value) => Arguments::add(&mut arguments, value),
            Value::Text(value) => Arguments::add(&mut arguments, value),
            Value::Bytes(value) => Arguments::add(&mut arguments, value),
            // A table is one parameter, and has as many as columns in Postgres.
            Value::Rows(columns) => {
                let others = columns.len().saturating_sub(1);
                let table = Arguments::add(&mut arguments, table(columns).to_string());
                (0..others).fold(table, |added, _| added.and_then(|()| Arguments::add(&mut arguments, None::<i64>)))
            }
            list => Arguments::add(&mut arguments, serde_json::Value::from(items(list)).to_string()),
        };
        added.map_err(refused)?;
    }
    Ok(arguments)
}

fn items(list: Value) -> Vec<serde_json::Value> {
    match list {
        Value::Integers(values) => values.into_iter().map(Into::into).collect(),
        Value::Texts(values) => values.into_iter().map(Into::into).collect(),
        Value::BytesList(values) => values.iter().map(|bytes| hexadecimal(bytes).into()).collect(),
        _ => Vec::new(),
    }
}

/// The rows of a table that is given by its columns.
fn table(columns: Vec<Value>) -> serde_json::Value {
    let mut columns: Vec<_> = columns.into_iter().map(|column| items(column).into_iter()).collect();
    let rows = std::iter::from_fn(|| columns.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>());
    rows.collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
