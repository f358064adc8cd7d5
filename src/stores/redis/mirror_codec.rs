//! A counters' mirror in bytes: one string per post, so that a page of counts is one `MGET`.
//!
//! Byte 0 is the format, byte 1 says whether all of the ledger's rows were merged, then 26 bytes a row, big-endian:
//! shard (2), version (8), likes (8), comments (8). `scripts/merge_mirror.lua` reads and writes the same.

use tessera_domain::counters::{Counts, ShardCounts};

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 2;
const ROW_BYTES: usize = 26;
/// What an asked-for mirror holds before its fill: no rows.
pub(super) const ASKED: [u8; HEADER_BYTES] = [FORMAT, 0];

/// What a stored mirror says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mirror {
    /// All shards are in it.
    Filled(Counts),
    /// Somebody asked, and nobody has filled it yet.
    Waiting,
    /// It is damaged or of another format.
    Unreadable,
}

/// Rows in the form that the script merges.
pub(super) fn pack_rows(rows: &[ShardCounts]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(rows.len() * ROW_BYTES);
    for row in rows {
        packed.extend(row.shard.to_be_bytes());
        packed.extend(row.version.to_be_bytes());
        packed.extend(row.likes.to_be_bytes());
        packed.extend(row.comments.to_be_bytes());
    }
    packed
}

/// Reads a stored mirror. Totals are never negative, even where a damaged ledger's shards are.
pub(super) fn read(stored: &[u8]) -> Mirror {
    let Some((&[FORMAT, filled @ (0 | 1)], rows)) = stored.split_first_chunk() else { return Mirror::Unreadable };
    let (rows, rest) = rows.as_chunks::<ROW_BYTES>();
    if !rest.is_empty() {
        return Mirror::Unreadable;
    }
    if filled == 0 {
        return Mirror::Waiting;
    }
    let number = |row: &[u8; ROW_BYTES], at: usize| {
        i64::from_be_bytes(row[at..at + 8].try_into().expect("eight bytes that lie inside a row"))
    };
    let (mut likes, mut comments) = (0_i64, 0_i64);
    for row in rows {
        likes = likes.saturating_add(number(row, 10));
        comments = comments.saturating_add(number(row, 18));
    }
    Mirror::Filled(Counts { likes: likes.max(0) as u64, comments: comments.max(0) as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(filled: u8, rows: &[ShardCounts]) -> Vec<u8> {
        [vec![FORMAT, filled], pack_rows(rows)].concat()
    }

    #[test]
    fn totals_are_read_back() {
        let rows = [
            ShardCounts { shard: 0, version: 9, likes: 5, comments: 1 },
            ShardCounts { shard: 7, version: u64::MAX, likes: 2, comments: -4 },
        ];
        assert_eq!(read(&stored(1, &rows)), Mirror::Filled(Counts { likes: 7, comments: 0 }));
        assert_eq!(read(&stored(1, &[])), Mirror::Filled(Counts::default()));
        assert_eq!(read(&stored(0, &rows)), Mirror::Waiting);
        assert_eq!(read(&ASKED), Mirror::Waiting);
    }

    #[test]
    fn damage_is_no_count() {
        let whole = stored(1, &[ShardCounts { shard: 0, version: 9, likes: 5, comments: 1 }]);
        for damaged in [&[][..], &[FORMAT], &[2, 1], &[FORMAT, 2], b"a text", &whole[..whole.len() - 1]] {
            assert_eq!(read(damaged), Mirror::Unreadable, "{damaged:?}");
        }
    }
}
