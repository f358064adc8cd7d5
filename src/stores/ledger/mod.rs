//! The ledger in SQL, once for both databases.
//!
//! What is the same in both is here, by area: the ports' methods, their statements ([`sql`]), the rows ([`rows`]), and
//! what an operation does inside of its transaction. A [`Dialect`] has the rest: connections and transactions, and
//! those writes that Postgres makes in one statement, because rows are locked or round trips count.

#[macro_use]
mod sql;

mod accounts;
mod ads;
mod dialect;
mod discovery;
mod graph;
mod jobs;
mod outbox;
mod rows;
mod tastes;
mod uploads;

pub(crate) use dialect::{Dialect, Pool, Row, Scope};
pub(crate) use graph::{FollowAttempt, FollowChange, FollowWrites};
pub(crate) use sql::{Statement, Value};

use std::sync::Arc;
use tessera_ports::ledger::LedgerWakes;

/// A lease token's number of its node begins at this bit; below it is chance.
pub(crate) const NODE_SHIFT: u32 = 48;

/// A ledger in one SQL database.
#[derive(Debug)]
pub struct SqlLedger<D: Dialect> {
    pub(crate) requests: Arc<D::Pool>,
    /// For jobs, the outbox and upkeep.
    pub(crate) background: Arc<D::Pool>,
    pub(crate) wakes: Arc<LedgerWakes>,
    pub(crate) database: D,
}

impl<D: Dialect> SqlLedger<D> {
    /// Proves a lease that begins now.
    fn new_lease_token(&self) -> i64 {
        self.database.lease_prefix() | (rand::random::<u64>() >> (64 - NODE_SHIFT)) as i64
    }
}
