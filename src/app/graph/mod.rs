//! Who follows, blocks and mutes whom.

mod block;
mod follow;
mod list_followers;
mod list_following;
mod mute;
mod service;
mod timeline_follow_changed;
mod unblock;
mod unfollow;
mod unmute;

pub use service::Graph;
