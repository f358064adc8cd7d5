//! Bearer tokens: 32 random bytes, shown once, stored only as their SHA-256 hash.
//!
//! A plain hash is enough, unlike for passwords: 256 random bits cannot be guessed from it.

use crate::accounts::TokenHash;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Every token begins with it, so that secret scanners recognise one that leaked.
pub const TOKEN_PREFIX: &str = "tsr_";

pub(crate) fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The hash under which the ledger knows a token.
pub fn hash_token(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (new_token(), new_token());
        assert!(a.starts_with(TOKEN_PREFIX) && a.len() == TOKEN_PREFIX.len() + 43);
        assert_ne!(a, b);
        assert_ne!(hash_token(&a), hash_token(&b));
    }
}
