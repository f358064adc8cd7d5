//! Who follows, blocks and mutes whom.

mod block;
mod follow;
mod list_followers;
mod list_following;
mod mute;
mod unblock;
mod unfollow;
mod unmute;

use crate::EdgeState;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(follow::follow, unfollow::unfollow))
        .routes(routes!(block::block, unblock::unblock))
        .routes(routes!(mute::mute, unmute::unmute))
        .routes(routes!(list_followers::list_followers))
        .routes(routes!(list_following::list_following))
}
