//! tessera-stores

pub mod cdn;
mod ledger;
pub mod local_s3;
pub mod memory;
pub mod ranking_log;
pub mod redis;
pub mod s3;

pub use ledger::{postgres, sqlite};
