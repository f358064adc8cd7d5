//! The use cases: what the product can do, one file per use case, no transport.
//!
//! A use case is a method on [`App`] in `<area>/<verb_noun>.rs`. It takes domain values, applies the
//! rules, talks to the ledger, the stores and the actors, and answers with domain values or an
//! [`AppError`]. To add one: write its file, add a `mod` line to its area, and give it a route in the
//! edge. What the edge needs of the ports is re-exported here, so that the edge knows only this crate.

pub mod accounts;
mod app;
pub mod engagement;
mod error;
pub mod feed;
pub mod graph;
pub mod hashtags;
pub mod hydrate;
mod ids;
pub mod media;
pub mod notifications;
pub mod operators;
pub mod page;
pub mod posts;
pub mod recommendations;
pub mod replies;
pub mod search;
mod settings;
pub mod uploads;
pub mod visual;

pub use app::{App, AppParts};
pub use error::{AppError, AppResult};
pub use ids::IdSource;
pub use page::Page;
pub use settings::AppSettings;
pub use tessera_ports::clock;
