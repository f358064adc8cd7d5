//! What the ledger is asked to record.

use super::core;
use std::cell::Cell;
use tessera_domain::{
    PostId, UserId,
    notification::{NotificationKind, Signal},
};

#[test]
fn signals_are_recorded_once_in_order_with_ids_of_their_own() {
    let like = |actor| Signal { kind: NotificationKind::Like, post_id: Some(PostId(1)), actor_id: UserId(actor) };
    let ids = Cell::new(100);
    let next_id = || {
        ids.set(ids.get() + 1);
        ids.get()
    };
    let chunks = core::chunks([like(3), like(1), like(3), like(2), like(1), like(4)], 2, next_id);
    let plain: Vec<Vec<_>> =
        chunks.iter().map(|chunk| chunk.iter().map(|(signal, id)| (signal.actor_id.0, id.0)).collect()).collect();
    assert_eq!(plain, [[(3, 101), (1, 102)], [(2, 103), (4, 104)]]);
    assert!(core::chunks([], 2, || 1).is_empty());
}
