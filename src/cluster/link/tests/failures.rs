//! Peers that die, hang, or leave.

use super::{
    harness::{Authority, Here, There, is_up, name},
    service::{COUNT, COUNTED, ECHO, HOLD, request},
};
use crate::{
    Deadline,
    link::{DownReason, PeerChange},
    transport::{RemoteError, Transport},
};
use bytes::Bytes;
use futures::future::join_all;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_peer_fails_all_that_wait_within_moments() {
    let authority = Authority::new();
    for node in ["a#1", "z#1"] {
        let mut here = Here::start(node, &authority.settings()).await;
        let mut there = There::start("n#1", &authority.settings()).await;
        here.join(&mut there).await;
        let peer = there.name.clone();
        let (link, asked) = (here.link.clone(), peer.clone());
        let waiting = tokio::spawn(async move {
            let deadline = Deadline::after(Duration::from_secs(30));
            join_all((0..100).map(|_| link.request(&asked, request(HOLD, ""), deadline))).await
        });
        here.until(&peer, |view| view.pending == 100 && view.in_flight < 4).await;
        there.signal("-KILL");
        let killed = Instant::now();
        let outcomes = waiting.await.unwrap();
        assert!(killed.elapsed() < Duration::from_millis(500), "{:?}", killed.elapsed());
        assert!(outcomes.iter().all(|outcome| *outcome == Err(RemoteError::Lost)), "{outcomes:?}");
        assert_eq!(here.ask(&peer, ECHO, "").await, Err(RemoteError::Unlinked));
        let down = here.expect(&peer, |change| matches!(change, PeerChange::Down { .. })).await;
        assert!(matches!(down, PeerChange::Down { reason: DownReason::Broken { .. } }), "{down:?}");
        here.expect(&peer, |change| matches!(change, PeerChange::Unreachable { .. })).await;
        assert!(
            killed.elapsed() < Duration::from_millis(500),
            "both sides see that it is gone: {:?}",
            killed.elapsed()
        );
        there.kill().await;
        here.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_peer_is_silent_and_serves_nothing_late_when_it_wakes() {
    let authority = Authority::new();
    let mut here = Here::start("a#1", &authority.settings()).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    here.join(&mut there).await;
    let peer = there.name.clone();
    // A trip without waiting, to compare with.
    here.ask(&peer, ECHO, "").await.unwrap();
    there.suspend().await;
    let stopped = Instant::now();
    let deadline = Deadline::after(Duration::from_millis(300));
    let expired = join_all((0..50).map(|_| here.link.request(&peer, request(COUNT, ""), deadline))).await;
    assert!(expired.iter().all(|outcome| *outcome == Err(RemoteError::Expired)), "{expired:?}");
    here.expect(&peer, |change| *change == PeerChange::Silent).await;
    let silent_after = stopped.elapsed();
    assert!(
        silent_after > Duration::from_millis(1_000) && silent_after < Duration::from_millis(2_300),
        "{silent_after:?}"
    );
    there.signal("-CONT");
    here.expect(&peer, |change| *change == PeerChange::Responsive).await;
    let counted = here.ask(&peer, COUNTED, "").await.unwrap();
    assert_eq!(counted[..], 0_u64.to_be_bytes(), "what its callers gave up is not served");
    assert!(is_up(&here.view(&peer)), "the session outlived it");
    // The one that slept does not take its own sleep for the silence of others.
    there.until("state: Up").await;
    assert!(!there.said.iter().any(|line| line.contains("Silent")), "{:?}", there.said);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_starts_again_comes_back_under_its_next_incarnation() {
    let authority = Authority::new();
    let mut here = Here::start("m#1", &authority.settings()).await;
    // Above and below this node's name: it dials the one and is dialled by the other.
    for node in ["a", "z"] {
        let mut former = There::start(&format!("{node}#1"), &authority.settings()).await;
        here.join(&mut former).await;
        let first = former.name.clone();
        former.kill().await;
        let mut next = There::start(&format!("{node}#2"), &authority.settings()).await;
        here.join(&mut next).await;
        assert_eq!(here.ask(&first, ECHO, "").await, Err(RemoteError::Unlinked));
        assert_eq!(here.ask(&next.name, ECHO, "new").await, Ok(Bytes::from("new")));
    }
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_lives_is_not_given_twice() {
    let authority = Authority::new();
    let mut here = Here::start("z#1", &authority.settings()).await;
    let mut first = There::start("b#1", &authority.settings()).await;
    here.join(&mut first).await;
    let mut second = There::start("b#1", &authority.settings()).await;
    for _ in 0..2 {
        second.list(here.link.name(), here.listener.address()).await;
        second.until("Refused(NameTaken)").await;
        second.say("peers ").await;
        second.hear("done").await;
    }
    assert_eq!(here.ask(&first.name, ECHO, "still").await, Ok(Bytes::from("still")));
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_steps_aside_and_returns_under_a_new_name_in_the_same_process() {
    let authority = Authority::new();
    let mut there = There::start("n#1", &authority.settings()).await;
    let mut here = Here::start("a#1", &authority.settings()).await;
    here.join(&mut there).await;
    for incarnation in ["z#2", "a#3", "z#4"] {
        here.link.stop().await;
        tokio::time::timeout(Duration::from_secs(1), here.link.ended()).await.unwrap();
        there.hear("event").await; // Up
        let left = there.hear("event").await;
        assert!(left.contains("Down { reason: Left }"), "{left}");
        assert_eq!(here.ask(&there.name, ECHO, "").await, Err(RemoteError::Unlinked));
        let service = std::sync::Arc::new(super::service::Service::default());
        here.link = crate::link::Link::start(&here.listener, name(incarnation), service).await.unwrap();
        here.events = here.link.events();
        here.join(&mut there).await;
        assert_eq!(here.ask(&there.name, ECHO, "back").await, Ok(Bytes::from("back")));
    }
    here.stop().await;
}
