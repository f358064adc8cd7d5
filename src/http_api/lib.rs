//! The HTTP edge: it checks who is asking and what they sent, calls a use case and shapes the reply.
//!
//! # Adding an endpoint
//! 1. The use case: a method of the area's service in `src/app/<area>/<verb_noun>.rs`;
//!    [`tessera_app::App`] has the services.
//! 2. The endpoint: `src/http_api/<area>/<verb_noun>.rs` with one `async fn` that `#[utoipa::path]` describes.
//!    Its arguments are [`extract`]'s (`Caller`, `Path`, `Query`, `Json`), its answer is an [`EdgeResult`];
//!    `?` turns every `AppError` into its problem.
//! 3. One line in the area's `routes()`: `.routes(routes!(verb_noun::verb_noun))`. Methods that share a path
//!    share the line. A new area is one line in [`mod@router`].
//!
//! Request ids, problems, time-outs, rate limits, idempotency keys and the OpenAPI document come by themselves,
//! because every route is mounted through `routes!` and runs inside the same [`guard`]s (a test checks it).

mod accounts;
pub mod admin;
mod conditional;
mod engagement;
pub mod extract;
mod feed;
mod graph;
mod guard;
mod hashtags;
mod media;
mod notifications;
mod openapi;
mod places;
mod posts;
pub mod present;
pub mod problem;
mod router;
mod search;
mod server;
mod settings;
mod state;
mod uploads;
mod visual;
mod web;

#[cfg(test)]
mod tests;

pub use admin::{AdminHooks, AdminSettings, admin_router};
pub use problem::{EdgeResult, Problem};
pub use router::{openapi_document, router};
pub use server::{ServeOptions, serve};
pub use settings::{EdgeSettings, Quota, RateSettings, ServingGate};
pub use state::EdgeState;
