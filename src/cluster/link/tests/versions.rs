//! Nodes of different wire versions, as during a rolling upgrade.

use super::{
    harness::{Authority, Here, There},
    service::{BYTES, COUNT, COUNTED, ECHO, request},
};
use crate::{
    Deadline,
    link::{LinkSettings, PeerChange},
    transport::{RemoteError, Transport},
};
use bytes::Bytes;
use futures::future::join_all;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_speak_the_newest_version_that_both_know() {
    let authority = Authority::new();
    let pinned = |wire_newest| LinkSettings { wire_newest, ..authority.settings() };
    for (ours, theirs) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for node in ["a#1", "z#1"] {
            let mut here = Here::start(node, &pinned(ours)).await;
            let mut there = There::start("n#1", &pinned(theirs)).await;
            here.join(&mut there).await;
            assert_eq!(here.view(&there.name).wire, Some(ours.min(theirs)));
            there.until(&format!("wire: Some({})", ours.min(theirs))).await;
            assert_eq!(here.ask(&there.name, ECHO, "hello").await, Ok(Bytes::from("hello")));
            assert_eq!(here.ask(&there.name, BYTES, "300000").await.map(|bytes| bytes.len()), Ok(300_000));
            there.say(&format!("echo {node} back")).await;
            assert_eq!(there.hear("echo").await, r#"Ok(b"back")"#);
            here.stop().await;
        }
    }
}

/// What version 2 is for: compare with [`super::failures`].
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_version_1_a_peer_that_hung_cannot_know_how_late_it_is() {
    let authority = Authority::new();
    let mut here = Here::start("a#1", &LinkSettings { wire_newest: 1, ..authority.settings() }).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    here.join(&mut there).await;
    let peer = there.name.clone();
    there.suspend().await;
    let deadline = Deadline::after(Duration::from_millis(300));
    let expired = join_all((0..50).map(|_| here.link.request(&peer, request(COUNT, ""), deadline))).await;
    assert!(expired.iter().all(|outcome| *outcome == Err(RemoteError::Expired)));
    here.expect(&peer, |change| *change == PeerChange::Silent).await;
    there.signal("-CONT");
    let counted = here.ask(&peer, COUNTED, "").await.unwrap();
    assert_ne!(counted[..], 0_u64.to_be_bytes(), "what was under way is served, though nobody waits");
    here.stop().await;
}
