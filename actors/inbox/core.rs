//! How signals become what the ledger is asked to record.

use std::collections::HashSet;
use tessera_domain::{NotificationId, notification::Signal};

/// All signals in order of arrival, each once, each with an id for the notification it may open, in chunks
/// of at most `chunk_signals`.
pub(super) fn chunks(
    signals: impl IntoIterator<Item = Signal>,
    chunk_signals: usize,
    next_id: impl Fn() -> u64,
) -> Vec<Vec<(Signal, NotificationId)>> {
    let mut known = HashSet::new();
    let fresh: Vec<_> = signals
        .into_iter()
        .filter(|signal| known.insert(*signal))
        .map(|signal| (signal, NotificationId(next_id())))
        .collect();
    fresh.chunks(chunk_signals.max(1)).map(<[_]>::to_vec).collect()
}
