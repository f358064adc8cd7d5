//! The vocabulary and the rules of a photo feed: pure values and pure functions.
//!
//! Nothing here does I/O, reads a clock or knows an actor. Callers pass the time and the seed in,
//! so that every rule can be replayed. `docs/functions.md` says which function of a feed uses them.

pub mod ads;
pub mod breaker;
pub mod celebrity;
pub mod counters;
pub mod decayed_window;
pub mod event;
pub mod features;
pub mod feed;
pub mod hash;
pub mod ids;
pub mod image;
pub mod impression;
pub mod invalid;
pub mod media;
pub mod notification;
pub mod post;
pub mod ranking;
pub mod recommendation;
pub mod relations;
pub mod seen_filter;
pub mod stitch;
pub mod text;
pub mod time;
pub mod upload;
pub mod user;
pub mod vector;

pub use ids::{AdId, CommentId, IdGenerator, NotificationId, PostId, UploadId, UserId};
pub use invalid::Invalid;
pub use time::Timestamp;
