//! tessera-stores

#[macro_use]
mod ledger;

pub mod cdn;
pub mod local_s3;
pub mod memory;
pub mod postgres;
pub mod ranking_log;
pub mod redis;
pub mod s3;
pub mod sqlite;

mod post_purges;
mod recount;
mod rows;
