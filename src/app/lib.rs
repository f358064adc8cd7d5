//! The use cases: what the product can do, one file per use case, no transport.
//!
//! A use case is a method of its area's service in `<area>/<verb_noun>.rs`; [`App`] has the services. It takes
//! domain values, applies the rules, talks to the ports and the actors that its service holds, and answers with
//! domain values or an [`AppError`].
//!
//! A service (`<area>/service.rs`) holds what the use cases of its area need, and no more: of the ledger the part
//! that is the area's, the references of actors one by one, single settings, and other services where a use case of
//! theirs is needed. So what an area depends on can be read in one place. Services hold each other one way.
//!
//! To add a use case: write its file, add a `mod` line to its area, and give it a route in the edge. What it needs
//! that its service lacks is one more field there, taken from [`AppParts`]. To add an area: its folder with its
//! service, and a field and a line in [`App::new`]. What the edge needs of the ports is re-exported here, so that
//! the edge knows only this crate.

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
mod outdate;
pub mod page;
mod parts;
pub mod posts;
pub mod recommendations;
pub mod replies;
pub mod search;
mod settings;
pub mod uploads;
pub mod visual;

pub use app::App;
pub use error::{AppError, AppResult};
pub use ids::IdSource;
pub use page::Page;
pub use parts::AppParts;
pub use settings::AppSettings;
pub use tessera_ports::clock;
