//! Opaque cursors: a list's kind and a few numbers, in base64url.

use crate::{EdgeResult, Problem};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Longest cursor that is looked at, in bytes.
pub(crate) const MAX_CURSOR_BYTES: usize = 256;

/// Which list a cursor belongs to; a cursor of one list is refused by every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorKind(pub &'static str);

impl CursorKind {
    /// The cursor that leads to `numbers` in a list of this kind.
    pub fn encode(self, numbers: &[i64]) -> String {
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.0, numbers.join(",")))
    }

    /// The `N` numbers that a client's cursor holds; `None` where it sent none.
    ///
    /// # Errors
    /// `validation_failed` for a cursor that no list of this kind gave out.
    pub fn decode<const N: usize>(self, cursor: Option<&Cursor>) -> EdgeResult<Option<[i64; N]>> {
        let Some(Cursor(text)) = cursor else { return Ok(None) };
        let refused = || Problem::invalid("cursor", "must be the next_cursor of an earlier page of this list");
        if text.len() > MAX_CURSOR_BYTES {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
        let plain = String::from_utf8(bytes).map_err(|_| refused())?;
        let numbers = plain.strip_prefix(self.0).and_then(|rest| rest.strip_prefix(':')).ok_or_else(refused)?;
        let numbers: Vec<i64> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| refused())?;
        numbers.try_into().map(Some).map_err(|_| refused())
    }
}

/// A cursor as a client sends it back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_numbers_and_to_its_list_only() {
        let kind = CursorKind("followers");
        let cursor = Cursor(kind.encode(&[-7, i64::MAX]));
        assert_eq!(kind.decode::<2>(Some(&cursor)).expect("decodes"), Some([-7, i64::MAX]));
        assert_eq!(kind.decode::<2>(None).expect("no cursor"), None);
        assert!(kind.decode::<1>(Some(&cursor)).is_err());
        assert!(CursorKind("following").decode::<2>(Some(&cursor)).is_err());
        for bad in ["", "%%%", "Zm9v", &"A".repeat(300)] {
            assert!(kind.decode::<2>(Some(&Cursor(bad.to_owned()))).is_err(), "{bad}");
        }
    }
}
