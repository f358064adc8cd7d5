//! How sure a node is to be a member at work. No I/O.

use parking_lot::RwLock;
use std::time::Instant;
use tessera_ports::clock::Timestamp;

/// What is known of a member's standing; nothing of a node that is a cluster of its own, which is always sure.
#[derive(Debug, Default)]
pub(super) struct Standing(RwLock<Option<Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    /// It owns shards, or hands them over.
    at_work: bool,
    /// Its lease runs until then.
    until: Instant,
    /// When its lease was renewed last, by the table's clock.
    renewed_at: Timestamp,
    /// The last renewal while it was at work.
    sure_at: Timestamp,
}

impl Standing {
    /// Whether it is at work and its lease runs.
    pub(super) fn is_sure(&self) -> bool {
        self.0.read().is_none_or(|known| known.at_work && Instant::now() < known.until)
    }

    /// Whether it is known not to be at work.
    pub(super) fn is_idle(&self) -> bool {
        self.0.read().is_some_and(|known| !known.at_work)
    }

    /// The last moment at which it was sure; `now` for a node that is alone.
    pub(super) fn last_sure(&self, now: Timestamp) -> Timestamp {
        self.0.read().map_or(now, |known| known.sure_at.min(now))
    }

    /// Its lease was renewed at `renewed_at`, by the table's clock, and runs until `until`.
    pub(super) fn lease_renewed(&self, until: Instant, renewed_at: Timestamp) {
        if let Some(known) = &mut *self.0.write() {
            let sure_at = if known.at_work { renewed_at } else { known.sure_at };
            *known = Known { until, renewed_at, sure_at, ..*known };
        }
    }

    /// Whether it is at work, as far as it knows.
    pub(super) fn set_at_work(&self, at_work: bool) {
        let mut known = self.0.write();
        let before = known.unwrap_or(Known {
            at_work: false,
            until: Instant::now(),
            renewed_at: Timestamp(0),
            sure_at: Timestamp(0),
        });
        let sure_at = if at_work { before.renewed_at } else { before.sure_at };
        *known = Some(Known { at_work, sure_at, ..before });
    }
}
