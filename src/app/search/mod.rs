//! Finding accounts and hashtags.

#[expect(clippy::module_inception, reason = "one file per use case")]
mod search;

pub use search::Found;
