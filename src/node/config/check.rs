//! Checks that several sections share.

use super::ConfigError;
use std::net::SocketAddr;

/// An error in words.
pub(super) fn fail<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(message.into()))
}

/// Refuses 0 for every named value.
pub(super) fn at_least_one(values: &[(&str, u64)]) -> Result<(), ConfigError> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => fail(format!("{key}: must be at least 1")),
        None => Ok(()),
    }
}

/// Sizes of objects that S3 takes in a single PUT: at most 5 GiB.
pub(super) fn one_put(values: &[(&str, u64)]) -> Result<(), ConfigError> {
    const MOST_BYTES: u64 = 5 << 30;
    match values.iter().find(|(_, value)| *value > MOST_BYTES) {
        Some((key, _)) => fail(format!("{key}: must be at most {MOST_BYTES}, which is what S3 takes in one PUT")),
        None => Ok(()),
    }
}

/// A number from 0 to 1.
pub(super) fn share(key: &str, value: f64) -> Result<f64, ConfigError> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => fail(format!("{key}: must be from 0 to 1, found {value}")),
    }
}

/// An IP address and a port.
pub(super) fn address(key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError(format!("{key}: expected address:port, as in 127.0.0.1:8080, found {text:?}")))
}

/// An origin as browsers write it, or `*`.
pub(super) fn origin(key: &str, text: String) -> Result<String, ConfigError> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host =
        |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@*".contains(&byte));
    match text == "*" || (host.is_some_and(is_host) && !text.bytes().any(|byte| byte.is_ascii_uppercase())) {
        true => Ok(text),
        false => fail(format!("{key}: expected origins as in https://app.example:8443, or *, found {text:?}")),
    }
}

/// A URL that others are told; empty: none.
pub(super) fn public_url(key: &str, text: String) -> Result<Option<String>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    if !(text.starts_with("http://") || text.starts_with("https://")) || text.ends_with('/') {
        return fail(format!("{key}: expected http://… or https://… without a slash at the end, found {text:?}"));
    }
    Ok(Some(text))
}
