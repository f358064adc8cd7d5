//! What a breaker's actor and its callers decide without each other.

pub(super) mod ring;
pub(super) mod suspects;
