//! Visual search: what pictures look like as vectors, and which vectors lie near each other.

pub mod embedding;
pub mod index;
