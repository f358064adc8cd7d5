//! `Range: bytes=…` (RFC 9110, 14.2), one range only.

use std::ops::RangeInclusive;

/// What a `Range` header asks of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no range, one that is not understood, or several.
    Whole,
    /// These bytes, which lie inside.
    Part(RangeInclusive<u64>),
    /// Bytes that lie outside.
    Outside,
}

/// Reads a `Range` header for an object of `size_bytes`. What is not a single byte range is ignored, as the RFC
/// allows.
pub(super) fn wanted(header: Option<&str>, size_bytes: u64) -> Wanted {
    let Some(range) = header.and_then(|value| value.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    let (first, last) = (first.trim(), last.trim());
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) || (first.is_empty() && last.is_empty()) {
        return Wanted::Whole;
    }
    if first.is_empty() {
        let suffix: u64 = last.parse().unwrap_or(u64::MAX);
        return match suffix.min(size_bytes) {
            0 => Wanted::Outside,
            length => Wanted::Part(size_bytes - length..=size_bytes - 1),
        };
    }
    let first: u64 = first.parse().unwrap_or(u64::MAX);
    let last = if last.is_empty() { u64::MAX } else { last.parse().unwrap_or(u64::MAX) };
    if last < first {
        return Wanted::Whole;
    }
    if first >= size_bytes { Wanted::Outside } else { Wanted::Part(first..=last.min(size_bytes - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_understood() {
        let check = |header: &str, expected: Wanted| assert_eq!(wanted(Some(header), 100), expected, "{header}");
        check("bytes=0-9", Wanted::Part(0..=9));
        check("bytes=90-", Wanted::Part(90..=99));
        check("bytes=90-500", Wanted::Part(90..=99));
        check("bytes=-10", Wanted::Part(90..=99));
        check("bytes=-500", Wanted::Part(0..=99));
        check("bytes=100-", Wanted::Outside);
        check("bytes=-0", Wanted::Outside);
        check("bytes=9-5", Wanted::Whole);
        check("bytes=0-1,5-6", Wanted::Whole);
        check("lines=0-1", Wanted::Whole);
        check("bytes=-", Wanted::Whole);
        assert_eq!(wanted(None, 100), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Outside);
    }
}
