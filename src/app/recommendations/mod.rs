//! Recommendations (docs/functions.md, section 6): candidates of four sources, what is known of them, the model, the
//! business rules.
//!
//! ```text
//! gather: popular │ similar people's posts and likes │ hashtags │ look-alikes     side by side, each with its time-out
//!    └─► facts: everything about up to 1,000 candidates in one batch per question; who may not be shown is dropped
//!           └─► ranking model (or popularity, where it fails) ─► business rules ─► list, kept for a minute
//! ```
//! The feed mixes the list in, `list_recommendations` shows it. A source that fails is left out and named; where
//! the whole fails or is slow, its breaker opens and callers get the last good list at once.

mod candidates;
mod facts;
mod list;
mod list_recommendations;
mod log;
mod memory;
mod newest_public_posts;
mod recommended;
mod service;

pub use list_recommendations::{RecommendationPage, RecommendedPost};
pub(crate) use memory::RecommendationMemory;
pub(crate) use recommended::{Recommended, RecommendedList, WantedFor};
pub use service::Recommendations;
pub use tessera_domain::recommendation::Reason;
