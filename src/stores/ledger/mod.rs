//! The ledger in SQL, once for both databases.
//!
//! What is the same in both is here, by area: the ports' methods, their statements ([`sql`]), the rows ([`rows`]), and
//! what an operation does inside of its transaction. A [`Dialect`] has the rest: connections and transactions, and
//! those writes that Postgres makes in one statement, because rows are locked or round trips count.

#[macro_use]
mod sql;

mod accounts;
mod ads;
mod columns;
mod comments;
mod dialect;
mod discovery;
mod embeddings;
mod engagement;
mod graph;
mod jobs;
mod maintenance;
mod notifications;
mod outbox;
mod post_purges;
pub mod postgres;
mod posts;
mod recount;
mod rows;
pub mod sqlite;
mod tastes;
mod timeline_posts;
mod uploads;
mod writes;

#[cfg(test)]
mod plans;
#[cfg(test)]
mod tests;

use dialect::{Dialect, Pool, Row, Scope, Snapshot};
use sql::{Statement, Value};
use std::sync::Arc;
use tessera_ports::{Ledger, ledger::LedgerWakes};
use writes::{BytesWrites, CounterWrites, EndedLikes, FollowAttempt, FollowChange, FollowWrites};

/// A lease token's number of its node begins at this bit; below it is chance.
const NODE_SHIFT: u32 = 48;

/// A ledger in one SQL database.
#[derive(Debug)]
pub struct SqlLedger<D: Dialect> {
    requests: Arc<D::Pool>,
    /// For jobs, the outbox and upkeep.
    background: Arc<D::Pool>,
    wakes: Arc<LedgerWakes>,
    database: D,
}

impl<D: Dialect> SqlLedger<D> {
    /// Proves a lease that begins now.
    fn new_lease_token(&self) -> i64 {
        self.database.lease_prefix() | (rand::random::<u64>() >> (64 - NODE_SHIFT)) as i64
    }
}

impl<D: Dialect> Ledger for SqlLedger<D> {
    fn wakes(&self) -> &LedgerWakes {
        &self.wakes
    }
}
