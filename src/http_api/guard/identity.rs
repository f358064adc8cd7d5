//! Who is asking, by bearer token.

use http::{HeaderMap, header};
use tessera_app::accounts::TokenHash;
use tessera_domain::UserId;

/// What the `Authorization` header proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Anonymous,
    /// There was one, and it proved nothing.
    Refused,
    User(UserId, TokenHash),
}

/// The token of `Authorization: Bearer <token>`; the scheme's case does not matter (RFC 9110, 11.1).
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
