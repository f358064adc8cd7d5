//! Accounts and sessions.

mod create_session;
mod create_user;
mod end_session;
mod get_me;
mod get_user;
mod update_me;

use crate::{EdgeState, present::UserBody};
use serde::Serialize;
use tessera_app::accounts::SignedIn;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The area's routes.
pub(crate) fn routes() -> OpenApiRouter<EdgeState> {
    OpenApiRouter::default()
        .routes(routes!(create_user::create_user))
        .routes(routes!(create_session::create_session))
        .routes(routes!(end_session::end_session))
        .routes(routes!(get_me::get_me, update_me::update_me))
        .routes(routes!(get_user::get_user))
}

/// An account and a fresh token of it.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
struct SignedInBody {
    /// The account.
    user: UserBody,
    /// The bearer token. It is shown only here.
    token: String,
}

impl From<SignedIn> for SignedInBody {
    fn from(signed_in: SignedIn) -> Self {
        Self { user: signed_in.user.into(), token: signed_in.token }
    }
}
