//! tessera-stores

pub mod local_s3;
pub mod memory;
pub mod s3;
pub mod sqlite;
