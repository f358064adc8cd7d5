//! Requests and answers between two processes.

use super::{
    harness::{Authority, Here, There, is_up},
    service::{BYTES, COUNT, COUNTED, DROP, ECHO, HOLD, PANIC, SLOW, request},
};
use crate::{
    Deadline,
    transport::{RemoteError, Transport},
    wire::MAX_VALUE_BYTES,
};
use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dials_both_ask() {
    let authority = Authority::new();
    for node in ["a#1", "z#1"] {
        let mut here = Here::start(node, &authority.settings()).await;
        let mut there = There::start("n#1", &authority.settings()).await;
        here.join(&mut there).await;
        assert_eq!(here.ask(&there.name, ECHO, "hello").await, Ok(Bytes::from("hello")));
        there.until("state: Up").await;
        there.say(&format!("echo {node} back")).await;
        assert_eq!(there.hear("echo").await, r#"Ok(b"back")"#);
        let view = here.until(&there.name, |view| view.round_trip.is_some()).await;
        assert!(is_up(&view) && view.wire == Some(2) && view.failure.is_none(), "{view:?}");
        here.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_and_every_size() {
    let authority = Authority::new();
    let mut here = Here::start("a#1", &authority.settings()).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    here.join(&mut there).await;
    let mut asked = FuturesUnordered::new();
    for number in 0_u64..20_000 {
        let payload = [number.to_be_bytes().to_vec(), vec![1; number as usize % 300]].concat();
        let (here, peer) = (&here, &there.name);
        asked.push(async move { assert_eq!(here.ask(peer, ECHO, payload.clone()).await, Ok(payload.into())) });
        while asked.len() >= 64 {
            asked.next().await;
        }
    }
    while asked.next().await.is_some() {}
    drop(asked);
    for bytes in [0, 1, 65_535, 65_536, 1_000_000, MAX_VALUE_BYTES] {
        let payload = vec![3; bytes];
        assert_eq!(here.ask(&there.name, ECHO, payload.clone()).await, Ok(payload.into()), "{bytes} bytes");
    }
    let large = vec![0; MAX_VALUE_BYTES + 1];
    assert_eq!(here.ask(&there.name, ECHO, large).await, Err(RemoteError::TooLarge));
    let large = (MAX_VALUE_BYTES + 1).to_string();
    assert_eq!(here.ask(&there.name, BYTES, large).await, Err(RemoteError::TooLarge), "the answer is too large");
    assert_eq!(here.view(&there.name).pending, 0);
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_is_told() {
    let authority = Authority::new();
    let mut here = Here::start("a#1", &authority.settings()).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    assert_eq!(here.ask(&there.name, ECHO, "early").await, Err(RemoteError::Unlinked));
    here.join(&mut there).await;
    assert_eq!(here.ask(&there.name, 99, "").await, Err(RemoteError::UnknownMethod { method: 99 }));
    assert_eq!(here.ask(&there.name, PANIC, "").await, Err(RemoteError::Restarted));
    assert_eq!(here.ask(&there.name, DROP, "").await, Err(RemoteError::Restarted));
    let began = Instant::now();
    let soon = Deadline::after(Duration::from_millis(150));
    assert_eq!(here.link.request(&there.name, request(HOLD, ""), soon).await, Err(RemoteError::Expired));
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    assert_eq!(here.ask(&there.name, SLOW, "later").await, Ok(Bytes::from("later")));
    for _ in 0..1_000 {
        here.link.notify(&there.name, request(COUNT, "")).unwrap();
    }
    // Order holds, so what was sent before has been served before.
    let counted = here.ask(&there.name, COUNTED, "").await.unwrap();
    assert_eq!(counted[..], 1_000_u64.to_be_bytes());
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_stays_bounded() {
    let authority = Authority::new();
    let mut settings = authority.settings();
    settings.queue_requests = 1_000;
    settings.queue_bytes = 1024 * 1024;
    let mut here = Here::start("a#1", &settings).await;
    let mut there = There::start("b#1", &authority.settings()).await;
    here.join(&mut there).await;
    there.suspend().await;
    let fill = || {
        let mut refused = 0;
        for _ in 0..20_000 {
            match here.link.notify(&there.name, request(COUNT, vec![0; 1_000])) {
                Ok(()) => {}
                Err(RemoteError::Overloaded) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        refused
    };
    assert!(fill() > 10_000);
    // Four frames go out and wait for the peer; what they leave free is filled again.
    here.until(&there.name, |view| view.in_flight == 4).await;
    assert!(fill() > 10_000);
    let view = here.view(&there.name);
    assert!(view.queue_bytes <= 1024 * 1024 && view.in_flight == 4, "{view:?}");
    assert_eq!(here.ask(&there.name, ECHO, "").await, Err(RemoteError::Overloaded));
    there.signal("-CONT");
    let view = here.until(&there.name, |view| view.queue_bytes == 0 && view.in_flight == 0).await;
    assert_eq!(view.pending, 0);
    assert_eq!(here.ask(&there.name, ECHO, "again").await, Ok(Bytes::from("again")));
    here.stop().await;
}
