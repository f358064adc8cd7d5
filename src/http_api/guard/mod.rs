//! What every request passes before its handler, from the outside in: context (id, log, metrics), compression, other
//! origins, panic, admission (concurrency and time-out), identity, rate limit, encodings, idempotency.

mod address;
mod admission;
mod compression;
mod context;
mod cors;
mod encoding;
mod idempotency;
mod identify;
mod identity;
mod in_flight;
mod panic;
mod rate_limit;
mod rate_limits;
mod watched_body;

pub(crate) use address::ClientAddress;
pub use address::PeerAddress;
pub(crate) use admission::admit;
pub(crate) use compression::compress_text;
pub(crate) use context::{current_request_id, in_context};
pub(crate) use cors::cors;
pub(crate) use encoding::refuse_encodings;
pub(crate) use idempotency::replay_or_run;
pub(crate) use identify::identify;
pub(crate) use identity::{Identity, bearer_token};
pub(crate) use in_flight::InFlight;
pub(crate) use panic::catch_panics;
pub(crate) use rate_limit::limit_rate;
pub(crate) use rate_limits::RateLimits;

pub(crate) use idempotency::IdempotencyKey;
