//! The mirror of one post's counter rows: per shard the row with the highest version.
//!
//! Rows may come before the mirror was filled: an update that overtakes the fill which was reading the
//! ledger meanwhile. They are kept but not shown, so that the fill, when it comes, does not bring back
//! older values.

use tessera_domain::counters::{Counts, ShardCounts};

/// One post's mirror. Few shards, so a plain list.
#[derive(Debug, Clone, Default)]
pub(super) struct Mirror {
    filled: bool,
    rows: Vec<ShardCounts>,
}

impl Mirror {
    /// Whether all of the ledger's rows were seen, so that there are totals.
    pub(super) fn is_filled(&self) -> bool {
        self.filled
    }

    /// Merges all of the ledger's rows.
    pub(super) fn fill(&mut self, rows: &[ShardCounts]) {
        self.update(rows);
        self.filled = true;
    }

    /// Merges rows that moved; gives whether any was newer than what was here.
    pub(super) fn update(&mut self, rows: &[ShardCounts]) -> bool {
        let mut changed = false;
        for row in rows {
            match self.rows.iter_mut().find(|known| known.shard == row.shard) {
                Some(known) if known.version >= row.version => continue,
                Some(known) => *known = *row,
                None => self.rows.push(*row),
            }
            changed = true;
        }
        changed
    }

    /// Totals over all shards, once filled.
    pub(super) fn totals(&self) -> Option<Counts> {
        let sum = |of: fn(&ShardCounts) -> i64| self.rows.iter().map(of).sum::<i64>().try_into().unwrap_or(0);
        self.filled.then(|| Counts { likes: sum(|row| row.likes), comments: sum(|row| row.comments) })
    }

    /// Bytes on the heap, about.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.rows.capacity() * size_of::<ShardCounts>()
    }
}
