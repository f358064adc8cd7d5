//! The wire format: the only place that knows how values become bytes between nodes.
//!
//! `bincode` is no longer maintained (RUSTSEC-2025-0141); the user of this project asked for it, and it can be
//! replaced here. What it reads is bounded by the frame, and by [`MAX_VALUE_BYTES`].
//!
//! The versions are those of the frames in [`crate::link`]; two nodes speak the newest that both know. From 2 on a
//! frame carries its sender's clock, so that requests that lay in buffers past their deadline are dropped unserved.

use serde::{Serialize, de::DeserializeOwned};

/// The oldest wire version this program speaks.
pub const WIRE_OLDEST: u16 = 1;

/// The newest wire version this program speaks.
pub const WIRE_NEWEST: u16 = 2;

/// The most bytes one encoded value may have.
pub const MAX_VALUE_BYTES: usize = 4 * 1024 * 1024;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_VALUE_BYTES>()
}

/// Encodes a value.
///
/// # Errors
/// Says what cannot be encoded.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, config()).map_err(|error| error.to_string())
}

/// Decodes a value that takes up all of `bytes`.
///
/// # Errors
/// Says why the bytes are not such a value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, config()).map_err(|error| error.to_string())?;
    if used == bytes.len() { Ok(value) } else { Err(format!("{} bytes too many", bytes.len() - used)) }
}
