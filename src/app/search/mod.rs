//! Finding accounts and hashtags.

#[expect(clippy::module_inception, reason = "one file per use case")]
mod search;
mod service;

pub use search::Found;
pub use service::Search;
