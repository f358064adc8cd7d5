//! Signs of life: a ping to every peer at every heartbeat, and an eye on those that say nothing.
//!
//! A connection to a process that hangs stands for ever, and one over a cut cable for minutes; only silence tells.

use super::{events::PeerChange, node::LinkNode};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use tokio::time::MissedTickBehavior;

/// After so many heartbeats without a word a peer is silent.
const MISSED: u32 = 3;

/// Looks more often than it speaks, so that silence shows soon after its time is up.
const LOOKS_PER_HEARTBEAT: u32 = 4;

pub(super) async fn keep(node: Arc<LinkNode>) {
    let heartbeat = node.door.settings.heartbeat;
    let mut ticks = tokio::time::interval(heartbeat / LOOKS_PER_HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    for tick in 0_u64.. {
        tokio::select! {
            _ = ticks.tick() => {}
            () = node.stopping.cancelled() => return,
        }
        // A process that was itself suspended or starved must not take that for the silence of others.
        let starved = last.elapsed() >= heartbeat * 2;
        last = Instant::now();
        let speaks = tick % u64::from(LOOKS_PER_HEARTBEAT) == 0;
        let linked: Vec<_> = node.linked.read().values().cloned().collect();
        for session in linked {
            if starved {
                session.excuse();
            }
            if speaks {
                session.ping();
            }
            let silent = session.silent_for() >= heartbeat * MISSED;
            if session.silent.swap(silent, Ordering::Relaxed) != silent {
                let peer = &session.agreement.peer;
                tracing::info!(%peer, silent, "a node fell silent or speaks again");
                node.tell(peer, if silent { PeerChange::Silent } else { PeerChange::Responsive });
            }
        }
        node.peers.drop_unlisted();
    }
}
