//! What every request passes before its handler, from the outside in: context (id, log, metrics), panic,
//! admission (concurrency and time-out), identity, rate limit, idempotency.

mod address;
mod admission;
mod context;
mod idempotency;
mod identity;
mod panic;
mod rate_limit;

pub(crate) use address::ClientAddress;
pub use address::PeerAddress;
pub(crate) use admission::admit;
pub(crate) use context::{current_request_id, in_context};
pub(crate) use idempotency::{InFlight, replay_or_run};
pub(crate) use identity::{Identity, bearer_token, identify};
pub(crate) use panic::catch_panics;
pub(crate) use rate_limit::{RateLimits, limit_rate};

pub(crate) use idempotency::IdempotencyKey;
